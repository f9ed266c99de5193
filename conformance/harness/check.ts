import type { Overrides } from './contract.js';
import type { RuleId } from './requirements.js';
import type { Stage } from './stage.js';
import type { Welcome } from './welcome.js';

/** What a check may need of the target beyond an open port; what is missing makes it "not exercised". */
export type Need =
  /** The runner owns the start command. */
  | 'start'
  /** Session cookies and their users are configured. */
  | 'session'
  /** Tokens are verified with a public key. */
  | 'asymmetric_key'
  /** Tokens are verified with a shared secret. */
  | 'shared_secret'
  /** Issuer, or audience, is configured. */
  | 'issuer'
  | 'audience'
  /** Allowed origins are known. */
  | 'origins'
  /** The target has several instances. */
  | 'two_instances'
  /** The target's log can be read. */
  | 'logs'
  /** A control command is configured. */
  | `control:${string}`;

/** How a check is run. */
export interface CheckOptions {
  /** The id becomes `rule/variant`, where a rule has several checks. */
  variant?: string;
  /** It waits on announced times: started early, it overlaps all else. */
  timers?: true;
  /** How long its announced times make it last, in milliseconds: what lasts longest starts first, and the estimate before the run counts on it. */
  takes?: (welcome: Welcome) => number;
  /**
   * It touches the whole server, and runs one at a time: `apart`, on a server for such checks beside all else, where
   * the runner starts any for a single instance; else, and with `last`, on the target when all else is over.
   */
  alone?: 'apart' | 'last';
  /** It needs an instance of its own, started with these contract variables on top of the defaults. */
  instance?: Overrides;
  /** Where the runner starts no server, the target as it runs does for it, too. */
  orTarget?: true;
  /** It leaves its instance as it found it, so that checks with the same variables may share one. */
  shared?: true;
  needs?: readonly Need[];
  /** It runs against any WebSocket server, Parlor or not. */
  plain?: true;
}

/** One check: a rule and the function that decides whether a target keeps it. */
export interface Check {
  /** The rule's id, or `rule/variant`. */
  id: string;
  rule: RuleId;
  run: (stage: Stage) => Promise<void>;
  options: CheckOptions;
}

/** Makes a check of a rule. It passes unless it throws. */
export function check(rule: RuleId, run: Check['run'], options: CheckOptions = {}): Check {
  return { id: options.variant ? `${rule}/${options.variant}` : rule, rule, run, options };
}
