import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ListedRule } from '#conformance/cli/catalog.js';
import { CHROMIUM } from '../../test/chromium.js';
import { sequence } from './conversations.js';
import { deadLinks } from './links.js';
import { cell } from './pages.js';
import { chapterPage } from './spec.js';
import { abridge, drawTerminal } from './terminal.js';
import { widePages } from './widths.js';

const rule: ListedRule = {
  id: 'rooms-one',
  level: 'must',
  text: 'A server MUST answer.',
  chapter: 'rooms',
  profile: 'core',
  checks: [{ id: 'rooms-one', terms: [], source: 'async () => {}' }],
  mutants: [{ name: 'mute', fault: 'It answers <nothing>.' }],
};

describe('a chapter as a page', () => {
  const page = chapterPage(
    '# Rooms\n\n#### rooms-one\n\nA server MUST\nanswer.\n\nWhy.\n\n## Next\n\nSee [it](README.md#x).\n',
    new Map([['rooms-one', rule]]),
  );

  it('quotes the sentence and leaves the explanation', () => {
    expect(page).toContain('> A server MUST\n> answer.\n\nWhy.');
  });

  it('shows level, profile, check and faulty server before the next heading', () => {
    const evidence = page.slice(page.indexOf('Why.'), page.indexOf('## Next'));
    expect(page).toContain('text="MUST"');
    expect(page).toContain('text="core"');
    expect(evidence).toContain('**Check** `rooms-one`');
    expect(evidence).toContain('- `mute`: It answers &lt;nothing>.');
  });

  it('leads to the index in place of the README', () => {
    expect(page).toContain('[it](index.md#x)');
  });
});

describe('dead links', () => {
  it('are files and anchors that are not there, and nothing else', () => {
    const site = mkdtempSync(join(tmpdir(), 'site-'));
    writeFileSync(
      join(site, 'index.html'),
      '<a href="/b.html#here"></a><a href="b.html#gone"></a><a href="/c.html"></a><a href="https://x.test/"></a>',
    );
    writeFileSync(join(site, 'b.html'), '<h2 id="here"></h2>');
    const found = deadLinks(site);
    rmSync(site, { recursive: true });
    expect(found).toEqual([
      'dead anchor in index.html: b.html#gone',
      'dead link in index.html: /c.html',
    ]);
  });
});

describe.skipIf(!existsSync(CHROMIUM))('pages that are wider than a phone', () => {
  it('are those that scroll as a whole, by the styles of the site, and no others', async () => {
    const site = mkdtempSync(join(tmpdir(), 'site-'));
    const page = (inner: string) =>
      `<!doctype html><meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/style.css">${inner}`;
    const table = '<table><tr><td>wide</td><td>wide</td></tr></table>';
    writeFileSync(join(site, 'style.css'), 'td { min-width: 300px } .box { overflow-x: auto }');
    writeFileSync(join(site, 'boxed.html'), page(`<div class="box">${table}</div>`));
    writeFileSync(join(site, 'narrow.html'), page('<p>word word word</p>'));
    writeFileSync(join(site, 'wide.html'), page(table));
    const found = await widePages(site);
    rmSync(site, { recursive: true });
    expect(found).toEqual([
      expect.stringMatching(/^wide\.html is 6\d\d pixels wide, a phone 390$/),
    ]);
  });
});

describe('a conversation as a diagram', () => {
  it('has an arrow for each line', () => {
    const lines = [
      { connection: 'ann', opens: { user: 'ann' } },
      { connection: 'ann', sends: { type: 'ping', id: 'p;1' } },
      { connection: 'ann', closed: { code: 4001, reason: 'token_expired' } },
    ];
    expect(sequence(lines).split('\n').slice(3)).toEqual([
      '  ann->>server: opens as ann',
      '  ann->>server: ping id p·1',
      '  server-x ann: close 4001 token_expired',
    ]);
  });
});

describe('a picture of a run', () => {
  const run = [
    'head',
    '',
    'FAIL a · must',
    'of a',
    'FAIL b · must',
    'of b',
    'The target breaks the protocol.',
    'in 1 s',
    'more',
    'sum',
  ];

  it('keeps head, chosen failures and the end, and says what is left out', () => {
    const kept = abridge(run, ['b']).join('\n');
    expect(kept).toContain('FAIL b');
    expect(kept).not.toContain('FAIL a');
    expect(kept).toContain('2 lines left out');
    expect(kept).toMatch(/\nThe target breaks the protocol.\nin 1 s\nmore\nsum$/);
  });

  it('refuses a failure that the run does not have', () => {
    expect(() => abridge(run, ['c'])).toThrow('no failure of c');
  });

  it('puts each group of words in its column', () => {
    const svg = drawTerminal('t', ['\u001b[32m✓\u001b[39m  a <b>']);
    expect(svg).toContain('fill="#56d364">✓<');
    expect(svg).toContain('x="45.3" textLength="42.1">a &lt;b&gt;<');
  });
});

describe('a cell', () => {
  it('escapes bars and markup, and leaves code alone', () => {
    expect(cell('a|b <c> `<d>`')).toBe('a\\|b &lt;c> `<d>`');
  });
});
