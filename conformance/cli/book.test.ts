import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requirements } from '#conformance/harness/requirements.js';
import { bookFor, bookFrom, rationale, rationaleIn } from './book.js';
import { packageRoot, specFolder } from './package.js';

describe('rationaleIn', () => {
  const chapter =
    '# Rooms\n\n#### rooms-a\n\nIt MUST\nwork.\n\nBecause.\n\n```text\n# no heading\n```\n\nMore.\n\n#### rooms-b\n\nIt MAY.\n\n## Next\n\nText.\n';

  it('is what follows the sentence, up to the next heading', () => {
    expect(rationaleIn(chapter, 'rooms-a')).toBe('Because.\n\n```text\n# no heading\n```\n\nMore.');
  });

  it('may be empty, or not there', () => {
    expect(rationaleIn(chapter, 'rooms-b')).toBe('');
    expect(rationaleIn(chapter, 'rooms-c')).toBeUndefined();
  });

  it('is found for the rules of the spec', () => {
    const [first] = Object.keys(requirements);
    expect(rationale(first ?? '')).toBeTypeOf('string');
    expect(rationale('rooms-is-no-rule')).toBeUndefined();
    expect(rationale('nothing')).toBeUndefined();
  });
});

describe('links', () => {
  const rule = 'rooms-no-leak-to-strangers';

  it('lead to the installed spec from any folder', () => {
    expect(bookFrom(packageRoot).link(rule)).toBe(`spec/rooms.md#${rule}`);
    expect(bookFrom(join(packageRoot, 'a/b')).link(rule)).toBe(`../../spec/rooms.md#${rule}`);
    expect(bookFor(packageRoot).link(rule)).toBe(`spec/rooms.md#${rule}`);
    expect(bookFor(join(packageRoot, 'a')).link(rule)).toBe(
      `${join(specFolder, 'rooms.md')}#${rule}`,
    );
  });
});
