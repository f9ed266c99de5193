import type { Operation, Script } from './script.js';

/**
 * Tries scripts side by side; gives the index of the first one that fails in the same way, -1 when none does, and
 * undefined when no more may be tried.
 */
export type Try = (candidates: readonly Script[]) => Promise<number | undefined>;

/** What minimising came to. */
export interface Minimised {
  script: Script;
  /** Scripts that were tried. */
  tried: number;
  /** Whether it ended because no more might be tried: a smaller script may exist. */
  exhausted: boolean;
}

const SIDE_BY_SIDE = 4;

/**
 * Makes a failing script smaller: structure first, payload last. `proof` names the operations that the violation
 * rests on, which often are all that it takes.
 */
export async function minimise(
  script: Script,
  proof: readonly number[],
  attempt: Try,
): Promise<Minimised> {
  const search = new Search(script, attempt);
  if (proof.length > 0)
    await search.step([
      raced(only(script, proof)),
      only(script, proof).script,
      upTo(script, proof),
    ]);
  for (let before = -1; before !== size(search.script) && !search.exhausted; ) {
    before = size(search.script);
    await clients(search);
    await operations(search);
    await structure(search);
  }
  await payload(search);
  return { script: search.script, tried: search.tried, exhausted: search.exhausted };
}

/** The best script so far and what was spent on it. */
class Search {
  script: Script;
  tried = 0;
  exhausted = false;
  readonly #attempt: Try;
  readonly #known = new Set<string>();

  constructor(script: Script, attempt: Try) {
    this.script = script;
    this.#attempt = attempt;
    this.#known.add(JSON.stringify(script));
  }

  /** Tries candidates, a few at once, and takes the first that fails; its index among them, or -1. */
  async step(candidates: readonly Script[]): Promise<number> {
    for (let at = 0; at < candidates.length && !this.exhausted; at += SIDE_BY_SIDE) {
      const batch = candidates.slice(at, at + SIDE_BY_SIDE);
      const fresh = batch.filter((each) => !this.#known.has(JSON.stringify(each)));
      if (fresh.length === 0) continue;
      const index = await this.#attempt(fresh);
      if (index === undefined) {
        this.exhausted = true;
        return -1;
      }
      for (const each of fresh) this.#known.add(JSON.stringify(each));
      this.tried += fresh.length;
      const found = fresh[index];
      if (!found) continue;
      this.script = found;
      return at + batch.indexOf(found);
    }
    return -1;
  }
}

function size({ clients: all, ops, rooms }: Script): number {
  return all.length + ops.length + rooms;
}

/** The operations of a proof, and what brought their clients where they are; `proven` are those of the proof. */
function only(
  script: Script,
  proof: readonly number[],
): { script: Script; proven: ReadonlySet<Operation> } {
  const proven = new Set(proof.flatMap((index) => script.ops[index] ?? []));
  const involved = new Set(proof.map((index) => script.ops[index]?.client));
  const last = Math.max(...proof);
  const keep = (op: Operation, index: number) =>
    proven.has(op) ||
    (index < last && involved.has(op.client) && (op.op === 'join' || op.op === 'open'));
  return { script: { ...script, ops: script.ops.filter(keep) }, proven };
}

/** What leads up to a proof in peace, then the proof all at once. */
function raced({ script, proven }: ReturnType<typeof only>): Script {
  return everyOp(script, (op) => ({ ...op, wait: proven.has(op) ? 0 : 2 }));
}

/** Everything up to the last operation of a proof. */
function upTo(script: Script, proof: readonly number[]): Script {
  return { ...script, ops: script.ops.slice(0, Math.max(...proof) + 1) };
}

/** Without one client, its operations, and its number. */
function without(script: Script, client: number): Script {
  const count = script.clients.length;
  return {
    ...script,
    clients: script.clients.filter((_, index) => index !== client),
    ops: script.ops
      .filter((op) => op.client % count !== client)
      .map((op) => ({ ...op, client: (op.client % count) - (op.client % count > client ? 1 : 0) })),
  };
}

/** With all that one client does done by another. */
function merged(script: Script, from: number, into: number): Script {
  const count = script.clients.length;
  const ops = script.ops.map((op) => (op.client % count === from ? { ...op, client: into } : op));
  return without({ ...script, ops }, from);
}

async function clients(search: Search): Promise<void> {
  for (;;) {
    const { script } = search;
    const all = [...script.clients.keys()];
    if (all.length < 2) return;
    const fewer = all.map((index) => without(script, index));
    const joined = all.slice(1).map((index) => merged(script, index, 0));
    if ((await search.step([...fewer, ...joined])) < 0) return;
  }
}

/** Takes away halves, quarters, eighths …, as long as it goes on failing. */
async function operations(search: Search): Promise<void> {
  for (let parts = 2; search.script.ops.length > 0; ) {
    const { script } = search;
    const length = Math.ceil(script.ops.length / parts);
    const starts = Array.from(
      { length: Math.ceil(script.ops.length / length) },
      (_, index) => index * length,
    );
    const candidates = starts.map((start) => ({
      ...script,
      ops: script.ops.filter((_, index) => index < start || index >= start + length),
    }));
    const found = await search.step(candidates);
    if (search.exhausted) return;
    if (found >= 0) parts = Math.max(2, parts - 1);
    else if (length === 1) return;
    else parts = Math.min(script.ops.length, parts * 2);
  }
}

/** One thing after the other. */
export function calm(script: Script): Script {
  return everyOp(script, (op) => ({ ...op, wait: 1 }));
}

const everyOp = (script: Script, change: (op: Operation) => Operation): Script => ({
  ...script,
  ops: script.ops.map(change),
});

/** How many operations may race at the end of a script. */
const RACERS = [2, 3];

/** All in peace but the last operations, which are sent at once. */
function racing(script: Script, count: number): Script {
  const from = script.ops.length - count;
  const ops = script.ops.map((op, index) => ({ ...op, wait: index < from ? 2 : 0 }));
  return { ...script, ops };
}

async function structure(search: Search): Promise<void> {
  const { script } = search;
  await search.step([
    everyOp({ ...script, rooms: 1 }, ({ room: _, ...op }) => op),
    ...(script.rooms > 1 ? [{ ...script, rooms: script.rooms - 1 }] : []),
  ]);
  // One after the other reads best; if it takes a race, all at once reads second best.
  const now = search.script;
  await search.step([
    calm(now),
    everyOp(now, (op) => ({ ...op, wait: 0 })),
    ...RACERS.map((count) => racing(now, count)),
  ]);
  await search.step([
    { ...search.script, clients: search.script.clients.map(({ user }) => ({ user })) },
  ]);
}

/** Plain texts and no extras: all at once, else one operation after the other. */
async function payload(search: Search): Promise<void> {
  const bare = ({ op, client, room, user, active, wait }: Operation): Operation => ({
    op,
    client,
    ...(room && { room }),
    ...(user && { user }),
    ...(active && { active }),
    wait,
  });
  const { script } = search;
  if ((await search.step([everyOp(script, bare)])) >= 0) return;
  for (const index of script.ops.keys()) {
    const { ops } = search.script;
    await search.step([
      { ...search.script, ops: ops.map((op, at) => (at === index ? bare(op) : op)) },
    ]);
  }
}
