import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kinds, openReports, parseReportFile } from './files.js';
import { book, events, opening } from './fixtures/example.js';

let cwd = '';
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'parlor-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

describe('parseReportFile', () => {
  it.each([
    ['html', '--report html lacks its path'],
    ['html=', '--report html lacks its path'],
    ['pdf=x', "'pdf=x' has 'pdf'"],
    ['', "'' has ''"],
  ])('refuses %s', (text, message) => {
    expect(() => parseReportFile(text)).toThrow(message);
  });

  it('keeps an = in a path', () => {
    expect(parseReportFile('json=a=b.json')).toEqual({ kind: 'json', path: 'a=b.json' });
  });
});

describe('openReports', () => {
  it('writes every kind, in folders that it makes', async () => {
    const files = kinds.map((kind) => ({ kind, path: `reports/${kind}.out` }));
    const reporters = openReports(files, opening, { cwd, stdout: () => {}, bookFrom: () => book });
    for (const event of events) for (const report of reporters) await report(event);
    for (const { path } of files) expect(readFileSync(join(cwd, path), 'utf8')).not.toBe('');
    const lines = readFileSync(join(cwd, 'reports/ndjson.out'), 'utf8').trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual(events);
  });

  it('writes to standard output for -', async () => {
    const out: string[] = [];
    const desk = { cwd, stdout: (text: string) => void out.push(text), bookFrom: () => book };
    const [report] = openReports([{ kind: 'badge', path: '-' }], opening, desk);
    for (const event of events) await report?.(event);
    expect(JSON.parse(out.join('')).label).toBe('parlor v1');
  });

  it('says before the run that a path cannot be written', () => {
    mkdirSync(join(cwd, 'taken'));
    const desk = { cwd, stdout: () => {}, bookFrom: () => book };
    expect(() => openReports([{ kind: 'html', path: 'taken' }], opening, desk)).toThrow(
      /^--report html=taken cannot be written: EISDIR/,
    );
  });
});
