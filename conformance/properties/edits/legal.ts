import type { Judgement } from '../judge/judge.js';
import type { Entry } from '../trace.js';
import { answered, NEVER, steady } from './choices.js';
import { type Edit, edited, entryOf, exchange, pick } from './edit.js';

const timestamp = '2026-01-01T00:00:00.000Z';

/** Edits that right servers and slow networks make all the time. */
export const legal: Record<string, Edit> = {
  'delay what a connection receives': (judgement, random) => {
    const { entries } = judgement.facts.trace;
    const from = Math.floor(random() * entries.length);
    const entry = entries[from];
    if (entry?.kind !== 'receive') return undefined;
    // Past frames of other connections, and past our own sending, but never past anything of its own stream.
    const stop = entries.findIndex(
      (each, n) =>
        n > from &&
        (each.kind === 'settled' ||
          (each.connection === entry.connection && each.kind !== 'send' && each.kind !== 'end')),
    );
    return move(judgement, from, between(from, (stop < 0 ? entries.length : stop) - 1, random));
  },
  'send earlier': (judgement, random) => {
    const { entries } = judgement.facts.trace;
    const from = Math.floor(random() * entries.length);
    const entry = entries[from];
    if (entry?.kind !== 'send') return undefined;
    const stop = entries.findLastIndex(
      (each, n) =>
        n < from &&
        (each.kind === 'settled' ||
          (each.connection === entry.connection && each.kind !== 'receive')),
    );
    return move(judgement, from, between(from, stop + 1, random));
  },
  'exchange ack and echo': exchange((judgement, random) => {
    const chats = answered(judgement).filter(
      ({ message, reply }) => message.type === 'chat' && reply?.message.type === 'ack',
    );
    const found = pick(chats, random);
    const echo =
      found &&
      judgement.events.of(found)?.copies.find((each) => each.connection === found.connection);
    if (!found?.reply || !echo) return undefined;
    const [first, second] = [found.reply.n, echo.n].sort((a, b) => a - b) as [number, number];
    const { number, received } = found.connection;
    const busy = judgement.facts.trace.entries
      .slice(first + 1, second)
      .some((each) => each.kind !== 'settled' && each.connection === number);
    return busy || received.length === 0 ? undefined : [first, second];
  }, []),
  'add a ping and its pong': (judgement, random) => {
    const connection = pick(steady(judgement, NEVER), random);
    if (!connection) return undefined;
    const last = judgement.facts.trace.entries.findLastIndex((each) => each.kind !== 'settled');
    const entry = entryOf(judgement, last);
    const common = { connection: connection.number, at: entry.at };
    const data = { extra: 1 };
    const more: Entry[] = [
      { kind: 'send', ...common, message: { type: 'ping', id: 'extra', data } },
      { kind: 'receive', ...common, message: { type: 'pong', ref: 'extra', timestamp, data } },
    ];
    return { trace: edited(judgement, [[last, [entry, ...more]]]), rules: [] };
  },
  'stretch the time': ({ facts }) => {
    const entries = facts.trace.entries.map((entry) => ({ ...entry, at: entry.at * 3 }));
    return { trace: { ...facts.trace, entries }, rules: [] };
  },
  'hear a foreign broadcast': (judgement, random) => {
    const connection = pick(steady(judgement, NEVER), random);
    if (!connection) return undefined;
    const entry = entryOf(judgement, connection.welcomed);
    const message = {
      type: 'broadcast',
      id: 'foreign',
      from: 'somebody',
      timestamp,
      data: { text: 'other#1 news' },
    };
    const heard: Entry = { kind: 'receive', connection: connection.number, at: entry.at, message };
    return { trace: edited(judgement, [[connection.welcomed, [entry, heard]]]), rules: [] };
  },
};

/** An index from one to another, both included. */
function between(from: number, to: number, random: () => number): number {
  return from + Math.sign(to - from) * Math.floor(random() * (Math.abs(to - from) + 1));
}

/** The edit that moves one entry behind (or before) another. */
function move(judgement: Judgement, from: number, to: number): ReturnType<Edit> {
  if (from === to) return undefined;
  const target = entryOf(judgement, to);
  const entry = { ...entryOf(judgement, from), at: target.at };
  const there = from < to ? [target, entry] : [entry, target];
  return {
    trace: edited(judgement, [
      [from, []],
      [to, there],
    ]),
    rules: [],
  };
}
