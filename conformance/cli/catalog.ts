import type { Check } from '#conformance/harness/check.js';
import { excluded } from '#conformance/harness/excluded.js';
import { type Requirement, requirements } from '#conformance/harness/requirements.js';

/** A check as it is listed. */
interface ListedCheck {
  id: string;
  /** What it asks of the target or of the runner, in words. */
  terms: string[];
  /** Its source, as it is run. */
  source: string;
}

/** A faulty server as it is listed. */
interface ListedMutant {
  name: string;
  /** What is wrong with it, in one sentence. */
  fault: string;
}

/** A rule with all that the suite has for it. */
export interface ListedRule extends Requirement {
  id: string;
  checks: ListedCheck[];
  mutants: ListedMutant[];
  /** Why it cannot be tested from outside. */
  excluded?: string;
}

/** Every rule of the spec with its checks and mutants; both are loaded only for this. */
export async function catalog(): Promise<ListedRule[]> {
  const [checks, mutants] = await Promise.all([loadChecks(), loadMutants()]);
  return Object.entries(requirements).map(([id, requirement]) => {
    const reason = (excluded as Record<string, string | undefined>)[id];
    return {
      id,
      ...requirement,
      checks: checks.get(id) ?? [],
      mutants: mutants.get(id) ?? [],
      ...(reason === undefined ? {} : { excluded: reason }),
    };
  });
}

async function loadChecks(): Promise<Map<string, ListedCheck[]>> {
  const { checks } = await import('#conformance/checks/index.js');
  const { conversations } = await import('#conformance/properties/index.js');
  return grouped(
    [...checks, ...conversations()],
    ({ rule }) => rule,
    (each) => ({ id: each.id, terms: terms(each), source: sourceOf(each) }),
  );
}

async function loadMutants(): Promise<Map<string, ListedMutant[]>> {
  const { mutants } = await import('#conformance/mutants/index.js');
  return grouped(
    mutants,
    ({ rule }) => rule,
    ({ name, fault }) => ({ name, fault }),
  );
}

// What is held of generated conversations stands in no function of its own.
function sourceOf({ id, run }: Check): string {
  return id.endsWith('/conversations')
    ? '// Judged by what several clients see in generated conversations, held beside all others.'
    : run.toString();
}

function terms({ options: { timers, alone, instance, needs = [], plain } }: Check): string[] {
  return [
    ...(timers ? ['waits on announced times, beside all others'] : []),
    ...(alone === 'last' ? ['runs alone, last'] : []),
    ...(alone === 'apart' ? ['runs alone: on a server of its own, or last'] : []),
    ...(instance ? ['runs on an instance of its own'] : []),
    ...(plain ? ['runs against any WebSocket server'] : []),
    ...needs.map((need) => `needs ${need.replace('_', ' ')}`),
  ];
}

function grouped<T, R>(
  all: readonly T[],
  key: (each: T) => string,
  make: (each: T) => R,
): Map<string, R[]> {
  const found = new Map<string, R[]>();
  for (const each of all) found.set(key(each), [...(found.get(key(each)) ?? []), make(each)]);
  return found;
}
