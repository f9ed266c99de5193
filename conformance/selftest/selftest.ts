import type { Check } from '#conformance/harness/check.js';
import type { RunEvent } from '#conformance/harness/events.js';
import { parallel } from '#conformance/harness/parallel.js';
import { type RunOptions, runConformance } from '#conformance/harness/run.js';
import { prepare, type Target } from '#conformance/harness/target.js';
import { TargetError } from '#conformance/harness/verdict.js';
import { faults as all, type Fault } from './faults.js';
import { harmless } from './harmless.js';
import { type FaultProxy, startProxy, type TapFactory } from './proxy.js';

/** What became of one fault. */
export type Trial = { fault: string; text: string; duration_ms: number } & (
  | { verdict: 'noticed' | 'unnoticed'; rules: string[] }
  /** The server does not keep the rules without the fault either, or lacks what they are about. */
  | { verdict: 'untried'; reason: string }
);

/** What became of an oddity of the line that breaks no rule. */
export interface Oddity {
  name: string;
  text: string;
  /** Rules that were called broken all the same. */
  accused: string[];
  duration_ms: number;
}

/** The result of a selftest. */
export interface Selftest {
  trials: Trial[];
  oddities: Oddity[];
}

/** How a selftest goes. */
export interface SelftestOptions {
  checks: readonly Check[];
  /** The faults to try; default all. */
  faults?: readonly Fault[];
  /** Faults that are tried at once; default 4. */
  jobs?: number;
  onTrial?: (trial: Trial) => void;
  onOddity?: (oddity: Oddity) => void;
  signal?: AbortSignal;
}

// What is lost does not come; and where a fault is under way, an alarm is no false one.
const HASTY: Hasty = { doubts: false, patienceMs: 1_500 };

const untouched: TapFactory = () => ({});

/**
 * Shows that green means something: puts faults between the suite and a server, and asks whether they are noticed.
 *
 * @throws TargetError when the server does not start or cannot be reached
 */
export async function selftest(target: Target, options: SelftestOptions): Promise<Selftest> {
  const running = await prepare(target);
  try {
    const { minter, sessions, origins, urls } = running;
    const known: Omit<Target, 'url'> = {
      ...(minter && { token: minter.config }),
      sessions,
      origins,
    };
    const judge: Judge = (make, checks, how) =>
      judged(urls, make, known, {
        checks,
        ...how,
        ...(options.signal && { signal: options.signal }),
      });
    return await tried(judge, options);
  } finally {
    await running.stop();
  }
}

type Judge = (make: TapFactory, checks: readonly Check[], how?: Hasty) => Promise<Judged>;
type Hasty = Pick<RunOptions, 'doubts' | 'patienceMs'>;

async function tried(judge: Judge, options: SelftestOptions): Promise<Selftest> {
  const { faults = all, jobs = 4, checks, onTrial, onOddity } = options;
  const rules = new Set<string>(faults.flatMap((fault) => fault.rules));
  const wanted = checks.filter(
    ({ rule, options: { instance, needs = [] } }) =>
      rules.has(rule) && !instance && !needs.includes('start'),
  );
  const control = await judge(untouched, wanted);
  const sound = wanted.filter(({ id }) => control.verdicts.get(id) === 'pass');
  const trials = await parallel(jobs, faults, async (fault) => {
    const trial = await tryOut(fault, sound, control, judge);
    onTrial?.(trial);
    return trial;
  });
  const oddities = await parallel(1, harmless, async ({ name, text, make }) => {
    const { accused, duration_ms } = await judge(make, sound);
    const oddity = { name, text, accused: [...accused], duration_ms };
    onOddity?.(oddity);
    return oddity;
  });
  return { trials, oddities };
}

async function tryOut(
  { name: fault, text, rules, make }: Fault,
  sound: readonly Check[],
  control: Judged,
  judge: Judge,
): Promise<Trial> {
  const mine = new Set<string>(rules);
  const checks = sound.filter(({ rule }) => mine.has(rule));
  const untried = (reason: string, duration_ms = 0): Trial => ({
    fault,
    text,
    verdict: 'untried',
    reason,
    duration_ms,
  });
  if (checks.length === 0) {
    const reason = rules.map((rule) => control.reasons.get(rule)).find(Boolean);
    return untried(reason ?? `there is no passing check of ${rules.join(' or ')} here`);
  }
  const { accused, changes, duration_ms } = await judge(make, checks, HASTY);
  if (changes === 0) return untried('the fault never came about', duration_ms);
  const noticed = rules.filter((rule) => accused.has(rule));
  return {
    fault,
    text,
    duration_ms,
    ...(noticed.length > 0
      ? { verdict: 'noticed', rules: noticed }
      : { verdict: 'unnoticed', rules: [...rules] }),
  };
}

interface Judged {
  /** By check. */
  verdicts: Map<string, string>;
  /** Why a rule was not decided, or how it was broken. */
  reasons: Map<string, string>;
  /** Rules that were called broken. */
  accused: Set<string>;
  /** How often the proxy changed something. */
  changes: number;
  duration_ms: number;
}

async function judged(
  urls: readonly string[],
  make: TapFactory,
  known: Omit<Target, 'url'>,
  options: RunOptions,
): Promise<Judged> {
  const proxies: FaultProxy[] = [];
  try {
    for (const url of urls) proxies.push(await startProxy(url, make));
    const verdicts = new Map<string, string>();
    const reasons = new Map<string, string>();
    const accused = new Set<string>();
    const report = (event: RunEvent) => {
      if (event.event === 'finding') accused.add(event.rule);
      if (event.event !== 'check_end') return;
      verdicts.set(event.check, event.verdict);
      if (event.verdict === 'fail' || event.verdict === 'warning') accused.add(event.rule);
      const why = event.reason ?? event.failure?.actual;
      if (why !== undefined) reasons.set(event.rule, why);
    };
    const { duration_ms, exit_code, summary } = await runConformance(
      { ...known, url: proxies.map(({ url }) => url) },
      { ...options, report },
    );
    // Without checks, or without a server, nothing was judged.
    if (exit_code >= 4) throw new TargetError(summary);
    return { verdicts, reasons, accused, changes: sum(proxies), duration_ms };
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.close()));
  }
}

const sum = (proxies: readonly FaultProxy[]) =>
  proxies.reduce((total, { changes }) => total + changes, 0);
