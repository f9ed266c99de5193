/** What one check, or one rule, came to. Only `pass` is green; nothing undecided is summed into it. */
export type Verdict =
  | 'pass'
  | 'fail'
  | 'warning'
  | 'inconclusive'
  | 'vacuous'
  | 'not_exercised'
  | 'excluded';

/** One line of a failure's timeline: a frame, a handshake or a close, as one client saw it. */
export interface TimelineEntry {
  /** Milliseconds since the check began. */
  at_ms: number;
  /** The client's label in the check, such as `ann`. */
  peer: string;
  direction: 'sent' | 'received' | 'note';
  kind: 'handshake' | 'text' | 'binary' | 'ping' | 'pong' | 'close' | 'tcp' | 'http' | 'note';
  /** The frame as text, shortened to 2,000 characters, secrets redacted. */
  text: string;
  /** Whether the failure rests on it, where that is known. */
  decisive?: true;
}

/** Everything a stranger needs to understand and mend one broken rule. */
export interface Failure {
  /** The rule that was broken: the check's own, or that of a frame any check received. */
  rule: string;
  /** The acceptable outcomes, one sentence each. */
  expected: string[];
  /** What happened instead. */
  actual: string;
  /** The likely cause and its cure, where the symptom is a well-known one. */
  hint?: string;
  timeline: TimelineEntry[];
  /** Set when another failure explains this one: that check's id. */
  caused_by?: string;
  /** What this check's own clients saw of that cause, in words; set where it is probable, and not certain. */
  because?: string;
  /** The smallest generated conversation that still fails, as plain JSON. */
  script?: unknown;
  /** How often the script failed when it was repeated. */
  reproduction?: { hits: number; runs: number };
  /** The command that runs this failure again. */
  replay?: string;
}

/** The target and what it announced, known after the preflight. */
export interface TargetInfo {
  urls: string[];
  command?: string;
  server?: { name: string; version: string };
  features: string[];
  /** The `data` of the first `welcome`, without the user. */
  welcome?: Record<string, unknown>;
}

export interface RunStart {
  event: 'run_start';
  /** Version of this event stream. */
  schema: 1;
  started_at: string;
  parlor_version: string;
  node_version: string;
  seed: number;
  target: TargetInfo;
  /** Ids of the checks that will run, in their order. */
  checks: string[];
  /** What the announced numbers make of the longest waits, in milliseconds. */
  expected_ms: number;
  /** Rules that cannot be exercised on this target, each with the reason. */
  not_exercised: { rule: string; reason: string }[];
}

export interface CheckStart {
  event: 'check_start';
  check: string;
  rule: string;
}

export interface CheckEnd {
  event: 'check_end';
  /** The check's id: its rule's id, or `rule/variant` where a rule has several checks. */
  check: string;
  rule: string;
  chapter: string;
  profile: string;
  level: 'must' | 'should' | 'may';
  /** The rule's normative sentence. */
  text: string;
  verdict: Verdict;
  duration_ms: number;
  attempts: number;
  /** Why it was inconclusive, vacuous or not exercised. */
  reason?: string;
  failure?: Failure;
  /** Set when a known-failures entry covers the failure. */
  known?: { reason: string; expires?: string };
}

/** A rule broken by a frame that any check received; emitted once per rule and run. */
export interface Finding {
  event: 'finding';
  rule: string;
  check: string;
  failure: Failure;
}

/** Another failure probably explains one that was told of; emitted when all are known, before the end of the run. */
interface CauseFound {
  event: 'cause';
  /** The check whose failure is explained. */
  check: string;
  caused_by: string;
  because: string;
}

/** A plain remark for people: preflight results, warnings of the machine, the target's last output. */
export interface Note {
  event: 'note';
  level: 'info' | 'warning' | 'error';
  text: string;
}

/** How often something came about in generated conversations. */
export interface CoverageSection {
  title: string;
  rows: { what: string; times: number }[];
}

/** What generated conversations exercised; emitted once, before the end of the run. */
export interface CoverageEvent {
  event: 'coverage';
  sections: CoverageSection[];
}

/** Counts of checks by verdict; `known` failures are not in `fail`. */
export interface Totals {
  pass: number;
  fail: number;
  warning: number;
  inconclusive: number;
  vacuous: number;
  not_exercised: number;
  excluded: number;
  known: number;
}

export interface RunEnd {
  event: 'run_end';
  totals: Totals;
  duration_ms: number;
  exit_code: ExitCode;
  /** One sentence: the verdict in words. */
  summary: string;
}

/**
 * Exit codes of the runner: 0 conforms; 1 violation; 2 stale or unknown known-failures entry;
 * 3 inconclusive, vacuous or zero checks; 4 target unreachable; 5 our own bug; 64 usage.
 */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 64;

export type RunEvent =
  | RunStart
  | CheckStart
  | CheckEnd
  | Finding
  | CauseFound
  | Note
  | CoverageEvent
  | RunEnd;

/** Receives every event of a run, in order; each report is one of these. */
export type Reporter = (event: RunEvent) => void | Promise<void>;
