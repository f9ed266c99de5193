import type { Check, Need } from './check.js';
import { noControl } from './control.js';
import { excluded } from './excluded.js';
import { NO_START } from './instances.js';
import { requirement } from './requirements.js';
import type { RunningTarget } from './target.js';
import type { Welcome } from './welcome.js';

/** What will be run, in which order, and what will not, with the reasons. */
export interface Plan {
  /** Side by side, in this order. */
  together: Check[];
  /** One at a time, after all others. */
  alone: Check[];
  notExercised: { check: Check; reason: string }[];
  /** Rules that nobody can see from outside. */
  excluded: { rule: string; reason: string }[];
  /** What the announced numbers make of the longest waits, in milliseconds. */
  expectedMs: number;
}

const SINGLE = 'the target is a single instance (--instances, or several URLs)';

// Checks run side by side: of each, a fast machine spends no more on its own.
const EACH_MS = 2;

/** Whether a check runs on the server for checks that touch the whole of one, beside all else. */
export function isApart({ options }: Check, { launch, urls }: RunningTarget): boolean {
  return options.alone === 'apart' && launch !== undefined && urls.length === 1;
}

// It waits for time to pass, or for a server to start.
const isEarly = ({ options: { timers, takes, instance } }: Check) =>
  timers !== undefined || takes !== undefined || instance !== undefined;

/** Sorts checks by what the target announces and what the runner knows of it. */
export function plan(
  checks: readonly Check[],
  target: RunningTarget,
  welcome: Welcome | undefined,
): Plan {
  const notExercised: Plan['notExercised'] = [];
  const runnable: Check[] = [];
  for (const check of checks) {
    const reason = missing(check, target, welcome);
    if (reason === undefined) runnable.push(check);
    else notExercised.push({ check, reason });
  }
  // A run of some chapters speaks of their rules only.
  const chapters = new Set(checks.map(({ rule }) => requirement(rule).chapter));
  const isLast = (check: Check) => check.options.alone !== undefined && !isApart(check, target);
  const alone = runnable.filter(isLast);
  const rest = runnable.filter((check) => !isLast(check));
  const lasts = ({ options }: Check) => {
    const ms = welcome && options.takes ? options.takes(welcome) : 0;
    return Number.isFinite(ms) ? ms : 0;
  };
  // What has to be done one after the other begins first, then what lasts longest.
  const apart = rest.filter((check) => isApart(check, target));
  const early = rest.filter((check) => !isApart(check, target) && isEarly(check));
  const others = rest.filter((check) => !isApart(check, target) && !isEarly(check));
  return {
    together: [...apart, ...early.sort((a, b) => lasts(b) - lasts(a)), ...others],
    alone,
    notExercised,
    excluded: Object.entries(excluded)
      .filter(([rule]) => chapters.has(requirement(rule).chapter))
      .map(([rule, reason]) => ({ rule, reason })),
    expectedMs: Math.round(
      Math.max(0, ...rest.map(lasts)) +
        alone.map(lasts).reduce((sum, each) => sum + each, 0) +
        EACH_MS * runnable.length,
    ),
  };
}

function missing(
  check: Check,
  target: RunningTarget,
  welcome: Welcome | undefined,
): string | undefined {
  const { options, rule } = check;
  if (target.plain)
    return options.plain
      ? need(options.needs ?? [], target)
      : 'the target is tested for the transport only';
  const { profile } = requirement(rule);
  return (
    profileMissing(profile, target, welcome) ??
    (options.instance && !target.launch && !options.orTarget ? NO_START : undefined) ??
    need(options.needs ?? [], target)
  );
}

function profileMissing(
  profile: string,
  target: RunningTarget,
  welcome: Welcome | undefined,
): string | undefined {
  switch (profile) {
    case 'core':
    case 'transport':
      return undefined;
    case 'cluster':
      return target.urls.length > 1 ? undefined : SINGLE;
    case 'logs':
      return target.logs ? undefined : unreadable(target);
    case 'client':
      return 'the target is a server';
    default:
      if (!welcome) return 'nothing is announced: no connection was welcomed';
      return welcome.features.includes(profile) ? undefined : `\`${profile}\` is not announced`;
  }
}

function unreadable({ launch }: RunningTarget): string {
  return launch
    ? "the target's log cannot be read (--logs, or `logs` in the config: its output is the log)"
    : "the target's log cannot be read (the control command 'logs.read' in the config)";
}

function need(needs: readonly Need[], target: RunningTarget): string | undefined {
  for (const each of needs) {
    const reason = lacks(each, target);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function lacks(each: Need, target: RunningTarget): string | undefined {
  const { minter } = target;
  const name = each.startsWith('control:') ? each.slice('control:'.length) : undefined;
  if (name !== undefined) return Object.hasOwn(target.control, name) ? undefined : noControl(name);
  const table: Record<string, [has: boolean, reason: string]> = {
    start: [target.launch !== undefined, NO_START],
    session: [target.sessions.length > 0, 'no session cookie is configured (--session)'],
    asymmetric_key: [
      minter !== undefined && minter.config.algorithm !== 'HS256',
      'the target verifies tokens with a shared secret',
    ],
    shared_secret: [
      minter?.config.algorithm === 'HS256',
      'the target verifies tokens with a public key',
    ],
    issuer: [minter?.config.issuer !== undefined, 'no issuer is configured (--token-issuer)'],
    audience: [
      minter?.config.audience !== undefined,
      'no audience is configured (--token-audience)',
    ],
    origins: [target.origins.length > 0, 'no allowed origin is configured (--origin)'],
    two_instances: [target.urls.length > 1, SINGLE],
    logs: [target.logs, unreadable(target)],
  };
  const [has, reason] = table[each] ?? [false, `nothing is known of '${each}'`];
  return has ? undefined : reason;
}
