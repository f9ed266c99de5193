import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { bucketOf } from '#conformance/harness/welcome.js';

/** What has happened in a room, as bob saw it, who is still there. */
export interface Past {
  epoch: string;
  events: Message[];
  bob: Peer;
}

/** What a client that comes back is told. */
export interface Return {
  peer: Peer;
  ack: Message;
  /** Sequenced events of the time before the `ack`, as they were sent now. */
  replayed: Message[];
}

/** The numbers of events. */
export const seqs = (events: readonly Message[]) => events.map(({ seq }) => seq);

/** Waits for all events of these numbers. */
export async function sequenced(peer: Peer, from: number, to: number): Promise<Message[]> {
  const events: Message[] = [];
  for (let seq = from; seq <= to; seq += 1) events.push(await peer.receives('*', { seq }));
  return events;
}

/** Ann and bob say so many things in the lounge, in turn; then ann's connection is lost. */
export async function past(t: Stage, count = 5): Promise<Past> {
  const bob = await t.connect('bob');
  const { epoch = '' } = (await bob.joins('lounge')).data;
  const [ann] = await t.join('lounge', 'ann');
  for (let i = 0; i < count; i += 1)
    await (i % 2 === 0 ? ann : bob).chat('lounge', `thing ${i + 1}`, {
      meta: { n: i, of: [null] },
    });
  const events = await sequenced(bob, 1, count);
  ann.terminate();
  await bob.receives('leave');
  return { epoch, events, bob };
}

/** Somebody joins the lounge with a `since`, and waits until all has come that was under way. */
export async function comesBack(
  t: Stage,
  { epoch, bob }: Pick<Past, 'epoch' | 'bob'>,
  seq: number,
  { label = 'ann', as = epoch } = {},
): Promise<Return> {
  const peer = await t.connect(label);
  bob.ignoreOne('join');
  const ack = await peer.joins('lounge', { since: { epoch: as, seq } });
  await peer.fencedBy(bob, 'lounge');
  const now = ack.data.seq ?? 0;
  const replayed = peer.received(
    '*',
    (it) => (it.seq ?? now + 1) <= now || it.data.replay === true,
  );
  return { peer, ack, replayed };
}

/** What an ack says of the return. */
export const verdict = ({ data: { recovered, replayed } }: Message) => ({ recovered, replayed });

/** All events were replayed, and the ack says so. */
export function recoversAll(t: Stage, { ack, replayed }: Return, events: readonly Message[]): void {
  t.equal(verdict(ack), { recovered: true, replayed: events.length }, 'what the ack says');
  t.equal(seqs(replayed), seqs(events), 'the seq of the replayed events, in order');
  t.equal(
    replayed.map(({ id }) => id),
    events.map(({ id }) => id),
    'the id of the replayed events',
  );
}

/** Nothing was replayed, the ack says so, and the join holds. */
export async function recoversNothing(t: Stage, { peer, ack, replayed }: Return, bob: Peer) {
  t.equal(verdict(ack), { recovered: false, replayed: 0 }, 'what the ack says');
  t.equal(seqs(replayed), [], 'the seq of the replayed events');
  // The join itself succeeds.
  await bob.chat('lounge', 'welcome back');
  await peer.receives('chat', { data: { text: 'welcome back' } });
}

/** A server may keep more than it announces; what it must not do is replay a part. */
export async function allOrNothing(
  t: Stage,
  back: Return,
  since: number,
  bob: Peer,
): Promise<void> {
  const { ack, replayed } = back;
  if (!ack.data.recovered) return recoversNothing(t, back, bob);
  const missed = (ack.data.seq ?? 0) - since;
  t.note(`${missed} events were kept`);
  t.equal(
    seqs(replayed),
    Array.from({ length: missed }, (_, i) => since + 1 + i),
    'the seq of the replayed events',
  );
}

const FEW = {
  PARLOR_RESUME_MAX_EVENTS: '5',
  PARLOR_MESSAGES_LIMIT: '1000',
} as const;
/** Histories that are full after five events. */
export const few = { instance: FEW, shared: true } as const;
/** Stores that drop entries by the block drop none before there are some hundred. */
export const MANY = 260;
const BATCH = 20;

/** Bob says many things, where his instance admits so many; so many of them at once. */
export async function talks(
  t: Stage,
  bob: Peer,
  count: number,
  { meta, atOnce = BATCH }: { meta?: object; atOnce?: number } = {},
): Promise<void> {
  const limit = bucketOf(bob.announced, 'chat')?.limit ?? count;
  if (limit < count + 10) t.notExercised(`the instance admits ${limit} messages, not ${count}`);
  // Not all at once: a right server may take its time over each, with a broker far away.
  for (let from = 0; from < count; from += atOnce)
    await Promise.all(
      Array.from({ length: Math.min(atOnce, count - from) }, (_, i) =>
        bob.chat('lounge', `more ${from + i}`, meta && { meta }),
      ),
    );
}

/** The instance has to keep so many events. */
export function keeps(t: Stage, bob: Peer, count: number): void {
  const { resume } = bob.announced;
  const most = resume?.max_events ?? 0;
  if (most < count) t.notExercised(`the instance keeps ${most} events, not ${count}`);
}
