import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import pc from 'picocolors';
import { messageOf, UsageError } from '#conformance/harness/verdict.js';
import { type Change, changeText, diff as compare } from '#conformance/reports/diff.js';
import type { Report } from '#conformance/reports/report.js';
import { columns, count, duration, pad } from '#conformance/reports/text.js';
import { type Io, wantsColor } from './io.js';

/**
 * `parlor diff a.json b.json`: what changed from one run to another.
 *
 * @returns 1 when something got worse, else 0
 * @throws UsageError for a file that is no report
 */
export function diff(before: string, after: string, json: boolean, io: Io): 0 | 1 {
  const [first, second] = [readReport(before, io), readReport(after, io)];
  const found = compare(first, second);
  if (json) io.stdout(`${JSON.stringify(found, null, 2)}\n`);
  else {
    const colors = pc.createColors(wantsColor(io));
    const lines = [
      ...section(colors.red('worse'), found.worse),
      ...section(colors.green('better'), found.better),
      ...section(colors.dim('other'), found.other),
      `${duration(first.duration_ms)} before, ${duration(second.duration_ms)} after`,
      `${found.worse.length} worse, ${found.better.length} better, ${count(found.other.length, 'other change')}`,
    ];
    io.stdout(`${lines.join('\n')}\n`);
  }
  return found.worse.length > 0 ? 1 : 0;
}

function section(title: string, changes: readonly Change[]): string[] {
  if (changes.length === 0) return [];
  const widest = Math.max(...changes.map(({ check }) => columns(check)));
  return [
    title,
    ...changes.map((change) => `  ${pad(change.check, widest)}  ${changeText(change)}`),
    '',
  ];
}

function readReport(path: string, { cwd }: Io): Report {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(resolve(cwd, path), 'utf8'));
  } catch (error) {
    throw new UsageError(`${path} cannot be read as a report: ${messageOf(error)}`);
  }
  if (!isReport(value))
    throw new UsageError(
      `${path} is no report: expected what --report json=<path> writes, with "schema": 1`,
    );
  return value;
}

function isReport(value: unknown): value is Report {
  const { schema, checks, findings, not_exercised } = (value ?? {}) as Partial<Report>;
  return schema === 1 && [checks, findings, not_exercised].every(Array.isArray);
}
