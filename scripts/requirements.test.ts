import { describe, expect, it } from 'vitest';
import { collect, readChapter, readTombstones } from './requirements.js';

const chapter = (...rules: string[]) => ['# Rooms', 'Profile: `core`', ...rules].join('\n\n');
const rule = (id: string, sentence: string) => `#### ${id}\n\n${sentence}\n\nBecause.`;

describe('readChapter', () => {
  it('takes id, level, sentence and profile from a heading', () => {
    const found = readChapter(
      'rooms',
      chapter(rule('rooms-one', 'A server MUST NOT\nleak `a. B`.')),
    );
    expect(Object.fromEntries(found)).toEqual({
      'rooms-one': {
        level: 'must',
        text: 'A server MUST NOT leak `a. B`.',
        chapter: 'rooms',
        profile: 'core',
      },
    });
  });

  it('lets a later profile line apply to what follows', () => {
    const text = chapter(
      rule('rooms-a', 'It SHOULD.'),
      'Profile: `resume`',
      rule('rooms-b', 'It MAY.'),
    );
    const found = readChapter('rooms', text);
    expect([...found.values()].map(({ profile, level }) => [profile, level])).toEqual([
      ['core', 'should'],
      ['resume', 'may'],
    ]);
  });

  it.each([
    ['two keywords', rule('rooms-x', 'It MUST and MAY.'), 'exactly one keyword'],
    ['no keyword', rule('rooms-x', 'It does.'), 'exactly one keyword'],
    ['two sentences', rule('rooms-x', 'It MUST go. Then it stops.'), 'one sentence'],
    ['no sentence', '#### rooms-x', 'exactly one keyword'],
    ['a foreign prefix', rule('chat-x', 'It MUST.'), 'foreign prefix'],
    ['an id that is no slug', rule('rooms-X', 'It MUST.'), 'is no id'],
    [
      'an id used twice',
      `${rule('rooms-x', 'It MUST.')}\n\n${rule('rooms-x', 'It MAY.')}`,
      'used twice',
    ],
    ['a keyword in the prose', 'All of this MUST hold.', 'outside a rule'],
    ['a keyword in a rationale', `${rule('rooms-x', 'It MUST.')} It MAY.`, 'outside a rule'],
    ['an unknown profile', 'Profile: `cor`', "no profile is called 'cor'"],
  ])('refuses %s and says where', (_name, text, message) => {
    expect(() => readChapter('rooms', chapter(text))).toThrow(
      new RegExp(`^spec/rooms\\.md:\\d+: .*${message}`),
    );
  });

  it('ignores keywords in code', () => {
    expect(readChapter('rooms', chapter('```text\nMUST\n```', 'The word `MUST`.')).size).toBe(0);
  });
});

describe('collect', () => {
  it('refuses a retired id', () => {
    const tombstones = readTombstones(
      '## Tombstones\n\n- `rooms-old`: 2026\n\n## More\n\n- `rooms-x`\n',
    );
    expect([...tombstones]).toEqual(['rooms-old']);
    const sources = new Map([['rooms', chapter(rule('rooms-old', 'It MUST.'))]]);
    expect(() => collect(sources, tombstones)).toThrow('tombstone');
  });
});
