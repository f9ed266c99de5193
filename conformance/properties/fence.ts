import type { Expiry } from '#conformance/harness/watchdog.js';
import { type Conversation, Stuck } from './conversation.js';
import { type Judgement, judge } from './judge/judge.js';
import { read } from './operations.js';
import type { Live } from './participant.js';

/** How often a conversation asks again for what has not come, before it waits for the watchdog alone. */
const EAGER_ROUNDS = 4;

/**
 * Ends a conversation: everyone joins every room and whoever spoke in one posts a marker there, so that what was
 * under way has arrived. A leak or a double that was slow is seen before the marker.
 */
export async function fence(talk: Conversation): Promise<void> {
  for (const live of talk.writable) read(live);
  if (talk.writable.length === 0) observe(talk);
  await quiet(talk);
  const spoken = talk.writable.map((live) => ({ live, rooms: [...live.spoke] }));
  await enter(talk);
  await mark(talk, spoken);
  await list(talk);
}

/** With everyone gone, somebody returns to see what is left. */
function observe(talk: Conversation): void {
  const participant = talk.participants.find((each) => !each.live);
  if (participant) talk.open(participant);
}

function quiet(talk: Conversation): Promise<void> {
  return talk.until(() =>
    talk.writable.every((live) => live.welcomed && live.pending.length === 0),
  );
}

async function enter(talk: Conversation): Promise<void> {
  for (const live of talk.writable)
    for (const room of talk.rooms) if (!live.rooms.has(room)) ask(talk, live, 'join', room);
  await quiet(talk);
}

async function mark(talk: Conversation, spoken: { live: Live; rooms: string[] }[]): Promise<void> {
  const markers: { room: string; text: string }[] = [];
  for (const { live, rooms } of spoken) {
    for (const room of rooms) {
      if (!live.rooms.has(room) || talk.budget.left(live, 'chat') <= 0) continue;
      const text = `${talk.namespace}#${talk.fresh()} fence`;
      markers.push({ room, text });
      talk.send(live, { type: 'chat', room, id: talk.fresh(), data: { text } });
    }
  }
  await talk.until(() =>
    talk.writable.every(
      (live) =>
        live.pending.length === 0 &&
        markers.every(({ room, text }) => !live.rooms.has(room) || live.heard.has(text)),
    ),
  );
}

function list(talk: Conversation): Promise<void> {
  for (const room of talk.rooms) {
    const live = talk.writable.find((each) => each.rooms.has(room));
    if (live) ask(talk, live, 'members', room);
  }
  return quiet(talk);
}

function ask(talk: Conversation, live: Live, type: 'join' | 'members', room: string): void {
  if (talk.budget.left(live, type) > 0) talk.send(live, { type, room, id: talk.fresh(), data: {} });
}

/** What became of the waiting for what is owed. */
export interface Settlement {
  judgement: Judgement;
  /** Why the wait was given up; undefined when nothing was owed. */
  why: Expiry | undefined;
}

/**
 * Waits for what is owed by the trace so far. When the watchdog's patience is spent without anything new, the trace
 * says so: it has settled.
 */
export async function settle(talk: Conversation): Promise<Settlement> {
  for (let round = 0; ; round += 1) {
    const judgement = judge(talk.trace, true);
    const { causes } = judgement;
    if (causes.length === 0 && !haunted(talk)) return { judgement, why: undefined };
    // A violation that no patience can mend needs none.
    if (causes.some((each) => !each.absence))
      return { judgement: judge(talk.trace), why: undefined };
    const why = await progress(talk, round < EAGER_ROUNDS);
    if (why === undefined) continue;
    const last = why === 'silence' ? await spent(talk) : why;
    return { judgement: judge(talk.trace), why: last };
  }
}

/** Records that all patience was spent, and lets whoever is still listed show that it is surely wrong. */
async function spent(talk: Conversation): Promise<Expiry> {
  talk.record({ kind: 'settled' });
  if (!haunted(talk)) return 'silence';
  await progress(talk, true);
  const why = await progress(talk, false);
  if (why === 'silence') talk.record({ kind: 'settled' });
  return why ?? 'silence';
}

/** Asks again, or waits for anything at all; undefined when something came. */
async function progress(talk: Conversation, eager: boolean): Promise<Expiry | undefined> {
  const before = talk.trace.entries.length;
  try {
    if (eager) await list(talk);
    else await talk.until(() => talk.trace.entries.length > before);
    return undefined;
  } catch (error) {
    if (error instanceof Stuck) return error.why;
    throw error;
  }
}

/** Whether a list names a user who has no connection left. */
function haunted(talk: Conversation): boolean {
  const present = new Set(talk.writable.map((each) => each.user));
  return [...talk.lists.values()].some((list) =>
    list.some((user) => user.endsWith(`.${talk.namespace}`) && !present.has(user)),
  );
}
