import type { Report } from './report.js';

/** A badge in the JSON that shields.io's endpoint reads. */
export function badge(report: Report): string {
  const { message, color } = verdict(report);
  return `${JSON.stringify({ schemaVersion: 1, label: 'parlor v1', message, color })}\n`;
}

function verdict({ exit_code, totals }: Report): { message: string; color: string } {
  if (exit_code === 0) return { message: `conforms, ${totals.pass} checks`, color: 'brightgreen' };
  if (exit_code === 1)
    return { message: `${totals.fail} of ${totals.fail + totals.pass} checks fail`, color: 'red' };
  if (exit_code === 2) return { message: 'known failures are stale', color: 'orange' };
  if (exit_code === 3) return { message: 'undecided', color: 'yellow' };
  return { message: 'not tested', color: 'lightgrey' };
}
