import type { ExitCode, Totals, Verdict } from './events.js';

/** An entry of the list of known failures. */
export interface KnownFailure {
  /** A rule's id, or a check's. */
  rule: string;
  reason: string;
  /** Day from which it no longer holds, `YYYY-MM-DD`. */
  expires?: string;
}

/** What decides the exit code besides the totals. */
export interface Circumstances {
  bugs: number;
  /** Known-failures entries that are expired, whose checks pass, or that name no rule. */
  stale: readonly string[];
  /** Profiles that were demanded and are not announced. */
  lacking: readonly string[];
  /** Fewer decided checks than this make a run inconclusive. */
  minChecks: number;
}

/** No checks of any verdict. */
export function noTotals(): Totals {
  return {
    pass: 0,
    fail: 0,
    warning: 0,
    inconclusive: 0,
    vacuous: 0,
    not_exercised: 0,
    excluded: 0,
    known: 0,
  };
}

/** Counts one more check. */
export function countVerdict(totals: Totals, verdict: Verdict, known: boolean): void {
  if (known && (verdict === 'fail' || verdict === 'warning')) totals.known += 1;
  else totals[verdict] += 1;
}

/** The exit code of a run that reached its checks, and its verdict in one sentence. */
export function conclude(
  totals: Totals,
  of: Circumstances,
): { exit_code: ExitCode; summary: string } {
  const decided = totals.pass + totals.fail + totals.warning + totals.known;
  if (of.bugs > 0)
    return {
      exit_code: 5,
      summary: `${plural(of.bugs, 'check')} met a bug of the runner; the rest of the verdict stands as it is.`,
    };
  if (totals.fail > 0)
    return {
      exit_code: 1,
      summary: `The target breaks the protocol: ${plural(totals.fail, 'check')} failed of ${decided} decided.`,
    };
  if (of.lacking.length > 0)
    return {
      exit_code: 1,
      summary: `The target does not announce what is required: ${of.lacking.join(', ')}.`,
    };
  if (of.stale.length > 0)
    return {
      exit_code: 2,
      summary: `The list of known failures is stale: ${of.stale.join('; ')}.`,
    };
  if (totals.inconclusive > 0 || totals.vacuous > 0)
    return {
      exit_code: 3,
      summary: `Nothing failed, but ${plural(totals.inconclusive + totals.vacuous, 'check')} could not be decided.`,
    };
  if (decided === 0) return { exit_code: 3, summary: 'No check was decided.' };
  if (decided < of.minChecks)
    return {
      exit_code: 3,
      summary: `Only ${plural(decided, 'check')} of at least ${of.minChecks} could be decided.`,
    };
  const warnings = totals.warning > 0 ? `, with ${plural(totals.warning, 'warning')}` : '';
  return {
    exit_code: 0,
    summary: `The target conforms in ${plural(totals.pass, 'check')}${warnings}.`,
  };
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
