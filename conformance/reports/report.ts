import type {
  CheckEnd,
  CoverageSection,
  ExitCode,
  Finding,
  Reporter,
  RunEnd,
  RunEvent,
  RunStart,
  TargetInfo,
  Totals,
} from '#conformance/harness/events.js';
import { outcomeOf } from './outcome.js';

/** One check's outcome in a report. */
export type CheckResult = Omit<CheckEnd, 'event'>;

/** A rule broken by a frame that a check received, in a report. */
type FrameFault = Omit<Finding, 'event'>;

/** A whole run: what `--report json=…` writes and every other report is made from. */
export interface Report {
  /** Version of this format; a change that breaks readers raises it. */
  schema: 1;
  started_at: string;
  parlor_version: string;
  node_version: string;
  seed: number;
  target: TargetInfo;
  expected_ms: number;
  duration_ms: number;
  exit_code: ExitCode;
  /** The verdict in one sentence. */
  summary: string;
  totals: Totals;
  checks: CheckResult[];
  findings: FrameFault[];
  not_exercised: RunStart['not_exercised'];
  notes: { level: 'info' | 'warning' | 'error'; text: string }[];
  /** What generated conversations exercised; absent where none were held. */
  coverage?: CoverageSection[];
}

/** What a report says of a run whose first event never came, such as one without a target. */
export type Opening = Omit<RunStart, 'event' | 'schema' | 'checks'>;

const NOTHING: Totals = {
  pass: 0,
  fail: 0,
  warning: 0,
  inconclusive: 0,
  vacuous: 0,
  not_exercised: 0,
  excluded: 0,
  known: 0,
};

/** Gathers the events of a run into a report and hands it over when the run ends. */
export function collect(
  opening: Opening,
  done: (report: Report) => void | Promise<void>,
): Reporter {
  const report = empty(opening);
  return (event) => {
    add(report, event);
    return event.event === 'run_end' ? done(report) : undefined;
  };
}

/** Builds a report from recorded events, such as the lines of an NDJSON file. */
export function replayInto(opening: Opening, events: Iterable<RunEvent>): Report {
  const report = empty(opening);
  for (const event of events) add(report, event);
  return report;
}

function empty({
  started_at,
  parlor_version,
  node_version,
  seed,
  target,
  expected_ms,
  not_exercised,
}: Opening): Report {
  return {
    schema: 1,
    exit_code: 5,
    summary: 'The run did not end.',
    started_at,
    parlor_version,
    node_version,
    seed,
    target,
    expected_ms,
    duration_ms: 0,
    totals: { ...NOTHING },
    checks: [],
    findings: [],
    not_exercised,
    notes: [],
  };
}

function add(report: Report, event: RunEvent): void {
  switch (event.event) {
    case 'run_start': {
      const { started_at, parlor_version, node_version, seed, target, expected_ms, not_exercised } =
        event;
      Object.assign(report, {
        started_at,
        parlor_version,
        node_version,
        seed,
        target,
        expected_ms,
        not_exercised,
      });
      return;
    }
    case 'check_end': {
      const { event: _, ...result } = event;
      report.checks.push(result);
      return;
    }
    case 'finding': {
      const { event: _, ...fault } = event;
      report.findings.push(fault);
      return;
    }
    case 'cause': {
      const { check, caused_by, because } = event;
      report.checks = report.checks.map((each) =>
        each.check === check && each.failure
          ? { ...each, failure: { ...each.failure, caused_by, because } }
          : each,
      );
      return;
    }
    case 'note':
      report.notes.push({ level: event.level, text: event.text });
      return;
    case 'coverage':
      report.coverage = event.sections;
      return;
    case 'run_end':
      close(report, event);
      return;
    case 'check_start':
      return;
  }
}

function close(report: Report, { totals, duration_ms, exit_code, summary }: RunEnd): void {
  // A run that was broken off counts nothing; what it did decide is worth showing.
  const decided = Object.values(totals).some((number) => number > 0);
  if (!decided) for (const result of report.checks) report.totals[outcomeOf(result)] += 1;
  Object.assign(report, { duration_ms, exit_code, summary }, decided && { totals });
}
