import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { stale, update } from './files.js';

const root = fileURLToPath(new URL('.', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'parlor-schemas-'));
afterAll(() => rmSync(copy, { recursive: true }));

describe('the generated files', () => {
  it('are in sync with the schemas and the vectors to accept', () => {
    expect(stale(root)).toEqual([]);
  });

  it('are named when they are edited, missing or strange, and mended', () => {
    cpSync(join(root, 'json'), join(copy, 'json'), { recursive: true });
    cpSync(join(root, 'examples'), join(copy, 'examples'), { recursive: true });
    const before = readFileSync(join(copy, 'json/chat.client.json'), 'utf8');
    writeFileSync(join(copy, 'json/chat.client.json'), '{}');
    rmSync(join(copy, 'examples/chat.client/reject/data.text-is-missing.json'));
    writeFileSync(join(copy, 'json/stray.json'), '{}');
    const paths = [
      'examples/chat.client/reject/data.text-is-missing.json',
      'json/chat.client.json',
      'json/stray.json',
    ];
    expect(stale(copy)).toEqual(paths);
    expect(update(copy)).toEqual(paths);
    expect(stale(copy)).toEqual([]);
    expect(readFileSync(join(copy, 'json/chat.client.json'), 'utf8')).toBe(before);
  });
});
