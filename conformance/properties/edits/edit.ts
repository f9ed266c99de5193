import type { Data, Message } from '#conformance/harness/message.js';
import type { Received } from '../judge/facts.js';
import type { Judgement } from '../judge/judge.js';
import type { JudgedRule } from '../judged.js';
import type { Entry, Trace } from '../trace.js';

/** A source of numbers from 0 to 1. */
export type Random = () => number;

/** A trace made out of another, and the rules of which one has to speak up; none for a legal edit. */
export interface Edited {
  trace: Trace;
  rules: readonly JudgedRule[];
}

/** One kind of edit: undefined where the trace has nothing to edit. */
export type Edit = (judgement: Judgement, random: Random) => Edited | undefined;

/** Something received that may be edited, out of a judged trace. */
export type Select = (judgement: Judgement) => Received[];

/** Draws one; undefined from an empty list. */
export function pick<T>(list: readonly T[], random: Random): T | undefined {
  return list[Math.floor(random() * list.length)];
}

/** The entry of an index. */
export function entryOf({ facts }: Judgement, n: number): Entry {
  return facts.trace.entries[n] as Entry;
}

/** The trace with some of its entries replaced: by none, one or several. */
export function edited({ facts }: Judgement, changes: Iterable<readonly [number, Entry[]]>): Trace {
  const map = new Map(changes);
  const { trace } = facts;
  return { ...trace, entries: trace.entries.flatMap((entry, n) => map.get(n) ?? [entry]) };
}

/** The entry of something received, as if it had come on another connection. */
export function elsewhere(judgement: Judgement, n: number, connection: number): Entry {
  return { ...(entryOf(judgement, n) as Entry & { kind: 'receive' }), connection };
}

/** Edits the data of something received. */
export function data(received: Received, changes: Data): Partial<Message> {
  return { data: { ...received.message.data, ...changes } };
}

/** An edit that removes something received. */
export function remove(select: Select, rules: readonly JudgedRule[]): Edit {
  return (judgement, random) => {
    const found = pick(select(judgement), random);
    return found && { trace: edited(judgement, [[found.n, []]]), rules };
  };
}

/** An edit that lets something come twice. */
export function double(select: Select, rules: readonly JudgedRule[]): Edit {
  return (judgement, random) => {
    const found = pick(select(judgement), random);
    if (!found) return undefined;
    const entry = entryOf(judgement, found.n);
    return { trace: edited(judgement, [[found.n, [entry, entry]]]), rules };
  };
}

/** An edit that changes members of something received; a member that becomes undefined goes away. */
export function change(
  select: Select,
  how: (
    received: Received,
    judgement: Judgement,
    random: Random,
  ) => { [M in keyof Message]?: Message[M] | undefined } | undefined,
  rules: readonly JudgedRule[],
): Edit {
  return (judgement, random) => {
    const found = pick(select(judgement), random);
    const changes = found && how(found, judgement, random);
    if (!changes) return undefined;
    const message: Message = { ...found.message, ...changes } as Message;
    for (const key of Object.keys(message)) if (message[key] === undefined) delete message[key];
    const entry = entryOf(judgement, found.n) as Entry & { kind: 'receive' };
    return { trace: edited(judgement, [[found.n, [{ ...entry, message }]]]), rules };
  };
}

/** An edit that exchanges two entries. */
export function exchange(
  choose: (judgement: Judgement, random: Random) => readonly [number, number] | undefined,
  rules: readonly JudgedRule[],
): Edit {
  return (judgement, random) => {
    const both = choose(judgement, random);
    if (!both) return undefined;
    const [a, b] = both;
    const changes: [number, Entry[]][] = [
      [a, [entryOf(judgement, b)]],
      [b, [entryOf(judgement, a)]],
    ];
    return { trace: edited(judgement, changes), rules };
  };
}

/** An edit that lets a connection hear what another received. */
export function overhear(
  select: Select,
  listeners: (received: Received, judgement: Judgement) => number[],
  rules: readonly JudgedRule[],
): Edit {
  return (judgement, random) => {
    const found = pick(select(judgement), random);
    const listener = found && pick(listeners(found, judgement), random);
    if (!found || listener === undefined) return undefined;
    const both = [entryOf(judgement, found.n), elsewhere(judgement, found.n, listener)];
    return { trace: edited(judgement, [[found.n, both]]), rules };
  };
}
