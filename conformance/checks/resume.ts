import { check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { bucketOf } from '#conformance/harness/welcome.js';
import { showsAcked } from './pictures.js';
import { duplicates } from './resume.duplicates.js';
import { forgetful, patient, RESUME_MS } from './servers.js';

/** What has happened in a room, as bob saw it, who is still there. */
interface Past {
  epoch: string;
  events: Message[];
  bob: Peer;
}

/** What a client that comes back is told. */
interface Return {
  peer: Peer;
  ack: Message;
  /** Sequenced events of the time before the `ack`, as they were sent now. */
  replayed: Message[];
}

const seqs = (events: readonly Message[]) => events.map(({ seq }) => seq);

async function sequenced(peer: Peer, from: number, to: number): Promise<Message[]> {
  const events: Message[] = [];
  for (let seq = from; seq <= to; seq += 1) events.push(await peer.receives('*', { seq }));
  return events;
}

/** Ann and bob say so many things in the lounge, in turn; then ann's connection is lost. */
async function past(t: Stage, count = 5): Promise<Past> {
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
async function comesBack(
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

const verdict = ({ data: { recovered, replayed } }: Message) => ({ recovered, replayed });

function recoversAll(t: Stage, { ack, replayed }: Return, events: readonly Message[]): void {
  t.equal(verdict(ack), { recovered: true, replayed: events.length }, 'what the ack says');
  t.equal(seqs(replayed), seqs(events), 'the seq of the replayed events, in order');
  t.equal(
    replayed.map(({ id }) => id),
    events.map(({ id }) => id),
    'the id of the replayed events',
  );
}

async function recoversNothing(t: Stage, { peer, ack, replayed }: Return, bob: Peer) {
  t.equal(verdict(ack), { recovered: false, replayed: 0 }, 'what the ack says');
  t.equal(seqs(replayed), [], 'the seq of the replayed events');
  // The join itself succeeds.
  await bob.chat('lounge', 'welcome back');
  await peer.receives('chat', { data: { text: 'welcome back' } });
}

/** A server may keep more than it announces; what it must not do is replay a part. */
async function allOrNothing(t: Stage, back: Return, since: number, bob: Peer): Promise<void> {
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

// Histories that are full after five events.
const FEW = {
  PARLOR_RESUME_MAX_EVENTS: '5',
  PARLOR_MESSAGES_LIMIT: '1000',
} as const;
const few = { instance: FEW, shared: true } as const;
const short = { ...forgetful, timers: true, takes: () => 2 * RESUME_MS } as const;
// Stores that drop entries by the block drop none before there are some hundred.
const MANY = 260;
const BATCH = 20;

/** Bob says many things, where his instance admits so many. */
async function talks(t: Stage, bob: Peer, count: number): Promise<void> {
  const limit = bucketOf(bob.announced, 'chat')?.limit ?? count;
  if (limit < count + 10) t.notExercised(`the instance admits ${limit} messages, not ${count}`);
  // Not all at once: a right server may take its time over each, with a broker far away.
  for (let from = 0; from < count; from += BATCH)
    await Promise.all(
      Array.from({ length: Math.min(BATCH, count - from) }, (_, i) =>
        bob.chat('lounge', `more ${from + i}`),
      ),
    );
}

/** The instance has to keep so many events. */
function keeps(t: Stage, bob: Peer, count: number): void {
  const { resume } = bob.announced;
  const most = resume?.max_events ?? 0;
  if (most < count) t.notExercised(`the instance keeps ${most} events, not ${count}`);
}

function announces(t: Stage, feature: string): void {
  if (!t.welcome.features.includes(feature)) t.notExercised(`\`${feature}\` is not announced`);
}

const replays = [
  check('resume-missed-events-replayed', async (t) => {
    const before = await past(t);
    recoversAll(t, await comesBack(t, before, 2), before.events.slice(2));
  }),

  check(
    'resume-missed-events-replayed',
    async (t) => {
      const before = await past(t, 4);
      recoversAll(t, await comesBack(t, before, 1, { label: 'cat' }), before.events.slice(1));
    },
    { variant: 'never-a-member' },
  ),

  check(
    'resume-missed-events-replayed',
    async (t) => {
      announces(t, 'binary');
      const { epoch, bob } = await past(t, 1);
      await bob.chat('lounge', 'look');
      await showsAcked(t, bob);
      await bob.chat('lounge', 'nice?');
      const events = await sequenced(bob, 2, 4);
      recoversAll(t, await comesBack(t, { epoch, bob }, 1), events);
    },
    { variant: 'binary' },
  ),

  check(
    'resume-missed-events-replayed',
    async (t) => {
      const before = await past(t, 8);
      keeps(t, before.bob, 5);
      recoversAll(t, await comesBack(t, before, 3), before.events.slice(3));
    },
    { variant: 'as-many-as-announced', ...few },
  ),

  check(
    'resume-missed-events-replayed',
    async (t) => {
      const { epoch, bob } = await past(t, 1);
      keeps(t, bob, MANY + 1);
      await talks(t, bob, MANY);
      const events = await sequenced(bob, 2, MANY + 1);
      recoversAll(t, await comesBack(t, { epoch, bob }, 1), events);
    },
    {
      variant: 'long',
      ...patient,
    },
  ),

  check('resume-replay-marked', async (t) => {
    const { epoch, bob } = await past(t, 3);
    if (t.welcome.features.includes('binary')) await showsAcked(t, bob);
    const { replayed } = await comesBack(t, { epoch, bob }, 0);
    if (replayed.length === 0) t.vacuous('nothing was replayed');
    for (const { type, data } of replayed)
      t.equal(data.replay, true, `data.replay of a replayed ${type}`);
  }),

  check('resume-live-events-unmarked', async (t) => {
    const { epoch, bob } = await past(t, 3);
    const { peer } = await comesBack(t, { epoch, bob }, 1);
    await bob.chat('lounge', 'from bob');
    await peer.acked('chat', { text: 'from ann', replay: true }, { room: 'lounge' });
    for (const member of [peer, bob])
      for (const text of ['from bob', 'from ann']) {
        const { data } = await member.receives('chat', { data: { text } });
        t.equal('replay' in data, false, `whether the live event ${text} has data.replay`);
      }
  }),

  check('resume-replayed-events-unchanged', async (t) => {
    const { epoch, bob, events } = await past(t, 4);
    if (t.welcome.features.includes('binary')) {
      await showsAcked(t, bob, { data: { name: 'dot.png', meta: { n: 1 } } });
      events.push(...(await sequenced(bob, 5, 5)));
    }
    // What is stamped anew has another time by then.
    await t.pause(5);
    const { replayed } = await comesBack(t, { epoch, bob }, 0);
    for (const [i, event] of events.entries()) {
      const { data: { replay: _, ...data } = {}, ...rest } =
        replayed[i] ?? ({} as Partial<Message>);
      const plain = ({ payload, ...message }: Partial<Message>) => ({
        ...message,
        payload: payload?.toString('hex'),
      });
      t.equal(plain({ ...rest, data }), plain(event), `the replayed event ${event.seq}`);
    }
  }),

  check('resume-ack-counts-replay', async (t) => {
    const { epoch, bob } = await past(t, 5);
    for (const [seq, label] of [
      [1, 'ann'],
      [4, 'cat'],
      [0, 'dan'],
    ] as const) {
      const { ack, replayed } = await comesBack(t, { epoch, bob }, seq, { label });
      t.equal(
        verdict(ack),
        { recovered: true, replayed: (ack.data.seq ?? 0) - seq },
        `what the ack says to a since of ${seq} where seq is ${ack.data.seq}`,
      );
      t.equal(replayed.length, ack.data.replayed, 'the number of events that follow it');
    }
  }),

  check('resume-replay-before-live', async (t) => {
    const { epoch, bob } = await past(t, 5);
    const [cat, dan, eve] = await t.join('lounge', 'cat', 'dan', 'eve');
    const chat = (peer: Peer, text: string) => peer.chat('lounge', text);
    const back = await Promise.all(['ann', 'fay', 'gil', 'hal'].map((label) => t.connect(label)));
    // Each join has live events before, beside and behind it.
    const joins = back.map((peer, i) => {
      const before = [chat(cat, `${i} a`), chat(cat, `${i} b`)];
      const join = peer.joins('lounge', { since: { epoch, seq: 2 } });
      return { join, chats: [...before, chat(dan, `${i} c`), chat(dan, `${i} d`)] };
    });
    const acks = await Promise.all(joins.flatMap(({ chats }) => chats));
    await Promise.all(joins.map(({ join }) => join));
    for (let i = 0; i < 8; i += 1) acks.push(await chat(eve, `${i} e`));
    const last = Math.max(...acks.map(({ data }) => data.seq ?? 0));
    for (const peer of back) {
      await peer.fencedBy(bob, 'lounge');
      const came = peer.received('*', ({ seq }) => seq !== undefined && seq <= last);
      t.equal(
        seqs(came),
        Array.from({ length: last - 2 }, (_, i) => 3 + i),
        'the seq of what a returning connection receives, replayed and then live',
      );
      const marks = came.map(({ data }) => data.replay === true);
      t.equal(marks, marks.toSorted().reverse(), 'whether each event is a replay, in this order');
    }
  }),
];

const limits = [
  check('resume-nothing-missed-recovered', async (t) => {
    const before = await past(t, 3);
    recoversAll(t, await comesBack(t, before, 3), []);
  }),

  check(
    'resume-nothing-missed-recovered',
    async (t) => {
      const before = await past(t, 0);
      recoversAll(t, await comesBack(t, before, 0), []);
    },
    { variant: 'nobody-wrote' },
  ),

  check(
    'resume-nothing-missed-recovered',
    async (t) => {
      const before = await past(t, 3);
      await t.pause(2 * RESUME_MS);
      recoversAll(t, await comesBack(t, before, 3), []);
    },
    { variant: 'expired', ...short },
  ),

  check('resume-from-zero-recovered', async (t) => {
    const before = await past(t, 3);
    recoversAll(t, await comesBack(t, before, 0), before.events);
  }),

  check(
    'resume-from-zero-recovered',
    async (t) => {
      const { epoch, bob } = await past(t, 2);
      await talks(t, bob, MANY);
      await allOrNothing(t, await comesBack(t, { epoch, bob }, 0), 0, bob);
    },
    { variant: 'evicted', ...few },
  ),

  check('resume-unknown-epoch-not-recovered', async (t) => {
    const { epoch, bob } = await past(t, 3);
    await recoversNothing(t, await comesBack(t, { epoch, bob }, 1, { as: 'never' }), bob);
    const now = bob.received('*', ({ seq }) => seq !== undefined).length;
    const same = await comesBack(t, { epoch, bob }, now, { label: 'cat', as: 'never' });
    await recoversNothing(t, same, bob);
    const zero = await comesBack(t, { epoch, bob }, 0, { label: 'dan', as: `${epoch}0` });
    await recoversNothing(t, zero, bob);
  }),

  check(
    'resume-evicted-range-not-recovered',
    async (t) => {
      const { epoch, bob } = await past(t, 2);
      await talks(t, bob, MANY);
      await allOrNothing(t, await comesBack(t, { epoch, bob }, 2), 2, bob);
    },
    few,
  ),

  check(
    'resume-evicted-range-not-recovered',
    async (t) => {
      const { epoch, bob } = await past(t, 3);
      await t.pause(2 * RESUME_MS);
      await talks(t, bob, 2);
      await allOrNothing(t, await comesBack(t, { epoch, bob }, 1), 1, bob);
    },
    { variant: 'expired', ...short },
  ),

  check('resume-future-seq-not-recovered', async (t) => {
    const { epoch, bob } = await past(t, 3);
    await recoversNothing(t, await comesBack(t, { epoch, bob }, 4), bob);
    await recoversNothing(t, await comesBack(t, { epoch, bob }, 1_000_000, { label: 'cat' }), bob);
  }),

  check('resume-since-validated', async (t) => {
    const { epoch, bob } = await past(t, 2);
    for (const [index, since] of [
      {},
      { seq: 1 },
      { epoch },
      { epoch: 1, seq: 1 },
      { epoch, seq: -1 },
      { epoch, seq: 1.5 },
      { epoch, seq: '1' },
      { epoch: null, seq: null },
    ].entries()) {
      // A connection for each, so that no budget of protocol errors is spent.
      const ann = await t.connect(`ann${index}`);
      const error = await ann.refuses('invalid_payload', () =>
        ann.request('join', { since }, { room: 'lounge' }),
      );
      await bob.chat('lounge', 'who is here?');
      await ann.hearsNothing();
      const { path = '' } = error.data;
      t.assert(path === '/data/since' || path.startsWith('/data/since/'), {
        expected: `a path into /data/since for ${JSON.stringify(since)}`,
        actual: `the path is ${JSON.stringify(path)}`,
      });
    }
    await bob.hearsNothing({ except: ['chat'] });
  }),

  check('resume-replay-obeys-authorization', async (t) => {
    const { epoch, bob } = await past(t, 3);
    const ann = await t.connect('ann', { claims: { rooms: [t.room('hall')] } });
    await ann.refuses('forbidden', () =>
      ann.request('join', { since: { epoch, seq: 1 } }, { room: 'lounge' }),
    );
    await bob.chat('lounge', 'between us');
    await bob.receives('chat');
    await ann.hearsNothing();
  }),

  check('resume-member-catches-up', async (t) => {
    const { epoch, bob, events } = await past(t, 3);
    const [cat] = await t.join('lounge', 'cat');
    const ack = await cat.joins('lounge', { since: { epoch, seq: 1 } });
    await cat.fencedBy(bob, 'lounge');
    const replayed = cat.received('chat', { data: { replay: true } });
    recoversAll(t, { peer: cat, ack, replayed }, events.slice(1));
    await bob.hearsNothing();
  }),

  check(
    'resume-epoch-new-after-restart',
    async (t) => {
      const talk = async (
        label: string,
        count: number,
        at?: Awaited<ReturnType<Stage['launch']>>,
      ) => {
        const peer = await t.connect(label, at ? { at } : {});
        const { epoch, seq = 0 } = (await peer.joins('lounge')).data;
        for (let i = 0; i < count; i += 1) await peer.chat('lounge', `thing ${i}`);
        return { epoch, seq };
      };
      const { epoch } = await talk('ann', 3);
      const { port } = new URL(t.instance.url);
      await t.instance.stop('SIGKILL');
      const again = await t.launch({ PORT: port });
      const now = await talk('bob', 0, again);
      t.assert(now.epoch !== epoch || now.seq >= 3, {
        expected: ['a new epoch', 'the old epoch, and a seq of at least 3'],
        actual: `after the restart the room has the old epoch ${epoch} and the seq ${now.seq}; before it had the seq 3`,
        hint: "Make the epoch of random bits, and not of the room's name or of a count.",
      });
    },
    { instance: {} },
  ),
];

/** The checks of spec/resume.md. */
export const resume = [...replays, ...limits, ...duplicates];
