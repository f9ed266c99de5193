import type { RunEvent } from '#conformance/harness/events.js';
import type { Report } from './report.js';

/** The report as JSON, for programs; report.schema.json describes it. */
export function json(report: Report): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}

/** One event as a line of NDJSON, written the moment it happens. */
export function ndjsonLine(event: RunEvent): string {
  return `${JSON.stringify(event)}\n`;
}
