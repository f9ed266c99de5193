import type { Stage } from '#conformance/harness/stage.js';

/** Where the numbers are. */
export const STATS = '/stats';
/** Where the state is. */
export const HEALTH = '/health/websocket';

/** Numbers by their names. */
export type Numbers = Record<string, number>;

/** The answer of `/stats`. */
export async function stats({ http }: Stage): Promise<Numbers> {
  return (await http(STATS)).json() as Numbers;
}

/** Its `active_connections`. */
export async function active(t: Stage): Promise<number> {
  return (await stats(t))['active_connections'] ?? Number.NaN;
}

/** Its `total_messages`. */
export async function total(t: Stage): Promise<number> {
  return (await stats(t))['total_messages'] ?? Number.NaN;
}

/** Connections of earlier checks may still be ending: two equal answers 100 ms apart, or 1.5 s, whichever is first. */
export async function settled(t: Stage): Promise<number> {
  let before = await active(t);
  for (let i = 0; i < 15; i += 1) {
    await t.pause(100);
    const now = await active(t);
    if (now === before) return now;
    before = now;
  }
  return before;
}

const COUNT = 'Count in one place, when a connection has ended, however it ended, and only once.';

// A count that is not lowered in all this time will not be; and no answer at all is for the request to tell.
const PATIENCE_MS = 5_000;
const LEAST_ANSWERS = 20;
const BETWEEN_MS = 50;

/** Asks until the number of connections is `wanted`, as it was before `after`. */
export async function returnsTo(t: Stage, wanted: number, after: string): Promise<void> {
  const begin = performance.now();
  for (let answers = 1; ; answers += 1) {
    const last = await active(t);
    if (last === wanted) return;
    const patient = answers < LEAST_ANSWERS || performance.now() - begin < PATIENCE_MS;
    t.assert(patient, {
      expected: `active_connections is back to ${wanted} within 1 s after ${after}`,
      actual: `it stays at ${last}`,
      hint: COUNT,
    });
    await t.pause(BETWEEN_MS);
  }
}
