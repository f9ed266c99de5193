import type { Instances } from './instances.js';
import type { Interruption } from './interruption.js';
import type { Outages } from './outages.js';
import type { Stalls } from './stalls.js';
import type { Surplus } from './surplus.js';
import type { RunningTarget } from './target.js';
import type { Turns } from './turns.js';
import { Violation } from './verdict.js';
import type { Watchdog } from './watchdog.js';
import type { Welcome } from './welcome.js';

/** What all stages of a run share. */
export interface StageRun {
  readonly target: RunningTarget;
  readonly watchdog: Watchdog;
  readonly stalls: Stalls;
  /** When the target said that it could not reach a store or broker. */
  readonly outages: Outages;
  /** Whether a violation seen while the machine was busy is doubted. */
  readonly doubts: boolean;
  /** What the target announced; undefined when it never welcomed anybody. */
  readonly welcome: Welcome | undefined;
  /** Seed of whatever is drawn at random. */
  readonly seed: number;
  /** Tells the run that a connection with valid credentials was welcomed, or was not. */
  welcomed(yes: boolean): void;
  /** What checks of the run observe once for all of them. */
  readonly observed: Map<string, { since: number; outcome: Promise<unknown> }>;
  /** What the connections of the run have received unasked. */
  readonly surplus: Surplus;
  /** The opening handshakes and HTTP requests that are under way: a server that lets in slowly is not overrun. */
  readonly door: Turns;
  /** The end of the run from outside. */
  readonly interruption: Interruption;
  /** The servers that checks ask for. */
  readonly instances: Instances;
  /** Why connecting is hopeless, once it has proved to be. */
  readonly hopeless: Violation | undefined;
}

/** So many may be at the door at once. */
export const MOST_AT_DOOR = 32;

/** Roots that several failures may share: connecting fails, or the server has died. */
export const ROOT_NO_WELCOME = 'no welcome';
export const ROOT_DIED = 'the server died';

/** The violation of a connection that was not welcomed, as the root of what follows from it. */
export function noWelcome(error: Violation): Violation {
  return new Violation(
    {
      expected: ['a connection with valid credentials is welcomed', ...error.expected],
      actual: error.actual,
      hint: error.hint,
    },
    ROOT_NO_WELCOME,
  );
}
