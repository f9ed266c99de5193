import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Reporter } from '#conformance/harness/events.js';
import { messageOf, UsageError } from '#conformance/harness/verdict.js';
import { annotations } from './annotations.js';
import { badge } from './badge.js';
import type { RuleBook } from './broken.js';
import { page } from './html/page.js';
import { json, ndjsonLine } from './json.js';
import { junit } from './junit.js';
import { markdown } from './markdown.js';
import { collect, type Opening, type Report } from './report.js';

/** The kinds of report that can be written to a file. */
export const kinds = [
  'json',
  'ndjson',
  'junit',
  'html',
  'markdown',
  'annotations',
  'badge',
] as const;

/** A report to write: its kind and the path of its file; `-` is standard output. */
export interface ReportFile {
  kind: (typeof kinds)[number];
  path: string;
}

/** What report files need: where relative paths begin, standard output, and the spec as each file links to it. */
export interface Desk {
  cwd: string;
  stdout(text: string): void;
  /** The rules, with links as they work from a file in that folder. */
  bookFrom(folder: string): RuleBook;
}

const WRITERS: Readonly<
  Record<Exclude<ReportFile['kind'], 'ndjson'>, (report: Report, book: RuleBook) => string>
> = {
  json,
  junit,
  html: page,
  markdown,
  annotations,
  badge,
};

/**
 * Reads `kind=path`.
 *
 * @throws UsageError where the kind is unknown or the path is missing
 */
export function parseReportFile(text: string): ReportFile {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  const kind = kinds.find((each) => each === name);
  if (!kind)
    throw new UsageError(
      `--report takes <kind>=<path> with the kind ${list(kinds)}; '${text}' has '${name}'`,
    );
  const path = at < 0 ? '' : text.slice(at + 1);
  if (path === '')
    throw new UsageError(
      `--report ${kind} lacks its path: write --report ${kind}=<path>, or ${kind}=- for standard output`,
    );
  return { kind, path };
}

/**
 * Opens every report before the run, so that a path that cannot be written is told at once.
 *
 * @throws UsageError where a file cannot be opened
 */
export function openReports(
  files: readonly ReportFile[],
  opening: Opening,
  desk: Desk,
): Reporter[] {
  return files.map((file) => {
    const write = openSink(file, desk);
    if (file.kind === 'ndjson') return (event) => write(ndjsonLine(event));
    const make = WRITERS[file.kind];
    const book = desk.bookFrom(
      file.path === '-' ? desk.cwd : dirname(resolve(desk.cwd, file.path)),
    );
    return collect(opening, (report) => write(make(report, book)));
  });
}

function openSink({ kind, path }: ReportFile, { cwd, stdout }: Desk): (text: string) => void {
  if (path === '-') return stdout;
  const file = resolve(cwd, path);
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '');
  } catch (error) {
    throw new UsageError(`--report ${kind}=${path} cannot be written: ${messageOf(error)}`);
  }
  return (text) => appendFileSync(file, text);
}

function list(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}
