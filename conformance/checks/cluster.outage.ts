import { type Check, check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { messageOf, Violation } from '#conformance/harness/verdict.js';
import { withoutBroker } from './brokers.js';
import { type Acked, type Losses, losses, type Member } from './cluster.losses.js';
import { gather, onEach } from './cluster.rooms.js';

// What the spec gives to an answer during an outage, and to service and gaps after it.
const BOUND_MS = 30_000;

/** A request and what it ended in. */
interface Asked {
  what: string;
  at: number;
  reply: Message | undefined;
  /** Why there is no reply. */
  why: string;
}

/** What an outage of the broker led to. */
interface Outage {
  asked: Asked[];
  /** Pings on connections that asked for nothing else, while the broker was lost. */
  pings: { sent: number; lost: string[] };
  /** Connections that ended. */
  ended: string[];
  /** Why service did not come back, by instance. */
  unserved: string[];
  lost: (Losses & { label: string })[];
}

/** Records what a request ended in, whatever that is. */
async function ask(what: string, request: () => Promise<Message>): Promise<Asked> {
  const at = performance.now();
  try {
    return { what, at, reply: await request(), why: '' };
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return { what, at, reply: undefined, why: messageOf(error) };
  }
}

/** A user who speaks at an even pace until told to stop. */
function speaker(t: Stage, peer: Peer, room: string, paceMs: number) {
  const asked: Promise<Asked>[] = [];
  let speaking = true;
  const talk = async () => {
    for (let i = 0; speaking; i += 1) {
      const text = `${peer.label} says ${i}`;
      asked.push(ask(text, () => peer.request('chat', { text }, { room })));
      await t.pause(paceMs);
    }
  };
  const talking = talk();
  return {
    async stop(): Promise<Asked[]> {
      speaking = false;
      await talking;
      return Promise.all(asked);
    },
  };
}

/** A user who only asks whether the server lives, until told to stop. */
function pinger(t: Stage, peer: Peer) {
  const lost: string[] = [];
  let sent = 0;
  let asking = true;
  const ping = async () => {
    while (asking) {
      sent += 1;
      const { reply, why } = await ask('ping', () => peer.request('ping', { sent }));
      if (reply?.type !== 'pong') lost.push(`${peer.label}: ${reply ? reply.type : why}`);
      if (peer.closed) return;
      await t.pause(200);
    }
  };
  const pinging = ping();
  return {
    async stop() {
      asking = false;
      await pinging;
      return { sent, lost };
    },
  };
}

/** Joins a room on behalf of a later look at what reached the peer. */
async function enter(peer: Peer, room: string, t: Stage): Promise<() => Member> {
  const { data } = await peer.joins(room);
  const { epoch = '', seq = 0 } = data;
  const name = t.room(room);
  return () => ({
    label: peer.label,
    epoch,
    seq,
    events: peer.log.filter(
      ({ message }) => message.room === name && ['chat', 'binary', 'gap'].includes(message.type),
    ),
  });
}

const ackedOf = (asked: readonly Asked[]): Acked[] =>
  asked.flatMap(({ reply, what, at }) =>
    reply?.type === 'ack' && reply.data.seq !== undefined
      ? [{ id: String(reply.data.id), seq: reply.data.seq, text: what, at }]
      : [],
  );

/** Waits until nobody lacks anything unexplained, or the time for that is over. */
async function reckon(
  t: Stage,
  members: readonly (() => Member)[],
  acked: readonly Acked[],
  until: number,
): Promise<Outage['lost']> {
  for (;;) {
    const all = members.map((look) => {
      const member = look();
      return { label: member.label, ...losses(member, acked) };
    });
    if (performance.now() > until || all.every(({ missing }) => missing.length === 0)) return all;
    await t.pause(100);
  }
}

/** A chat through this peer is accepted and reaches all, before the time for that is over. */
async function served(t: Stage, peer: Peer, all: readonly Peer[], until: number): Promise<string> {
  const { limit, window_ms } = t.rate('messages');
  for (let i = 0; ; i += 1) {
    const text = `is it back? ${i} of ${peer.label}`;
    const { reply, why } = await ask(text, () =>
      peer.request('chat', { text }, { room: 'lounge' }),
    );
    if (reply?.type === 'ack') {
      const [id, open] = [reply.data.id ?? '', all.filter((each) => !each.closed)];
      const heard = await Promise.all(
        open.map((each) => ask(text, () => each.receives('chat', { id }))),
      );
      const deaf = heard.findIndex((each) => each.reply === undefined);
      return deaf < 0
        ? ''
        : `a chat through ${peer.label} was acknowledged and did not reach ${open[deaf]?.label}`;
    }
    if (performance.now() > until || peer.closed)
      return `${peer.label} is still answered with ${reply ? (reply.data.code ?? reply.type) : why}`;
    await t.pause(Math.max(500, (1.2 * window_ms) / limit));
  }
}

async function observe(t: Stage): Promise<Outage> {
  t.patience(BOUND_MS);
  const { limit, window_ms } = t.rate('messages');
  const pace = Math.max(100, Math.ceil((1.5 * window_ms) / limit));
  const [speakers, idle, askers] = (await Promise.all(
    ['ann', 'bob', 'cat'].map((name) => onEach(t, name)),
  )) as [Peer[], Peer[], Peer[]];
  const peers = [...speakers, ...idle];
  await gather('lounge', [...peers, ...askers]);
  const looks = await Promise.all(peers.map((peer) => enter(peer, 'lounge', t)));
  const talk = speakers.map((peer) => speaker(t, peer, 'lounge', pace));
  await t.pause(2 * pace);

  const { asked, pinged } = await withoutBroker(t, {}, async () => {
    const pings = idle.map((peer) => pinger(t, peer));
    const asked = askers.flatMap((peer) => [
      ask(`members of ${peer.label}`, () => peer.request('members', {}, { room: 'lounge' })),
      ask(`join of ${peer.label}`, () => peer.request('join', {}, { room: 'elsewhere' })),
    ]);
    await t.pause(Math.max(3_000, 2 * pace));
    return { asked, pinged: await Promise.all(pings.map((each) => each.stop())) };
  });
  const until = performance.now() + BOUND_MS;

  const unserved = await Promise.all(askers.map((peer) => served(t, peer, peers, until)));
  const all = [
    ...(await Promise.all(talk.map((each) => each.stop()))).flat(),
    ...(await Promise.all(asked)),
  ];
  const stayed = looks.filter((_, i) => !peers[i]?.closed);
  return {
    asked: all,
    pings: {
      sent: pinged.reduce((sum, { sent }) => sum + sent, 0),
      lost: pinged.flatMap(({ lost }) => lost),
    },
    ended: peers
      .filter(({ closed }) => closed)
      .map(({ label, closed }) => `${label}: ${closed?.detail}`),
    unserved: unserved.filter((each) => each !== ''),
    lost: await reckon(t, stayed, ackedOf(all), until),
  };
}

const outage = (t: Stage): Promise<Outage> => t.once('outage of the broker', () => observe(t));

/** One instance loses the broker while messages go through another one; then nothing more is said in one room. */
async function observeCut(t: Stage): Promise<{ busy: Outage['lost']; quiet: Outage['lost'] }> {
  t.patience(BOUND_MS);
  const last = t.urls.length - 1;
  const url = t.urls[last];
  const [near, far] = [await t.connect('ann', { at: 0 }), await t.connect('bob', { at: last })];
  const other = await t.connect('cat', { at: 0 });
  const looks = {
    busy: [await enter(near, 'lounge', t), await enter(far, 'lounge', t)],
    quiet: [await enter(other, 'attic', t), await enter(far, 'attic', t)],
  };
  const said = { busy: [] as Asked[], quiet: [] as Asked[] };
  const say = async (peer: Peer, room: string, text: string) =>
    ask(text, () => peer.request('chat', { text }, { room }));
  said.busy.push(await say(near, 'lounge', 'before'));
  said.quiet.push(await say(other, 'attic', 'before'));
  await withoutBroker(t, { url }, async () => {
    for (const text of ['one', 'two']) {
      said.busy.push(await say(near, 'lounge', text));
      said.quiet.push(await say(other, 'attic', text));
    }
  });
  const until = performance.now() + BOUND_MS;
  for (const peer of [near, far]) {
    const why = await served(t, peer, [peer], until);
    if (why !== '') t.vacuous(`service did not come back: ${why}`);
  }
  said.busy.push(await say(near, 'lounge', 'after'));
  return {
    busy: await reckon(t, looks.busy, ackedOf(said.busy), until),
    quiet: await reckon(t, looks.quiet, ackedOf(said.quiet), until),
  };
}

const cut = (t: Stage) => t.once('one instance without the broker', () => observeCut(t));

const HINT =
  'Publication over a link that is renewed loses silently. Compare the numbers of each room with the broker when the link is back.';

function judgeOrder(t: Stage, all: Outage['lost']): void {
  for (const { label, faults } of all)
    t.assert(faults.length === 0, {
      expected: `${label} receives every number of the room in order, and before a hole a gap that covers it`,
      actual: faults.slice(0, 3).join('; '),
      hint: HINT,
    });
}

function judgeMissing(t: Stage, all: Outage['lost']): void {
  for (const { label, missing } of all)
    t.assert(missing.length === 0, {
      expected: `each acknowledged message reaches ${label}, or a gap covers it within ${BOUND_MS / 1_000} s of the broker's return`,
      actual: `${missing.length} are missing without a word: ${missing
        .slice(0, 5)
        .map(({ text, seq }) => `'${text}' (seq ${seq})`)
        .join(', ')}`,
      hint: HINT,
    });
}

const options: Check['options'] = {
  alone: 'last',
  needs: ['control:broker.stop', 'control:broker.start'],
};

// The observation is made by the first of the checks that share it.
const first: Check['options'] = { ...options, takes: () => 8_000 };

/** The rules about the loss of the broker. */
export const clusterOutage = [
  check(
    'cluster-broker-loss-answered',
    async (t) => {
      const { asked } = await outage(t);
      for (const { what, reply, why } of asked) {
        const fine = reply?.type === 'ack' || reply?.data.code === 'backend_unavailable';
        t.assert(fine, {
          expected: `the request '${what}' ends in an ack, or in the error backend_unavailable, within ${BOUND_MS / 1_000} s`,
          actual: reply ? `it ended in ${reply.data.code ?? reply.type}` : why,
          hint: 'A client library that queues while it is offline waits for ever: give each command a deadline, and queue nothing.',
        });
      }
    },
    first,
  ),

  check(
    'cluster-loop-alive-without-broker',
    async (t) => {
      const { pings } = await outage(t);
      t.assert(pings.lost.length === 0, {
        expected: 'every ping on an idle connection is answered while the broker is lost',
        actual: pings.lost.slice(0, 3).join('; '),
      });
      if (pings.sent < 2 * t.urls.length)
        t.inconclusive('too few pings were sent during the outage');
    },
    options,
  ),

  check(
    'cluster-connections-kept-without-broker',
    async (t) => {
      const { ended } = await outage(t);
      t.assert(ended.length === 0, {
        expected: 'connections stay open while the broker is lost',
        actual: ended.slice(0, 3).join('; '),
      });
    },
    options,
  ),

  check(
    'cluster-service-recovers',
    async (t) => {
      const { unserved } = await outage(t);
      t.assert(unserved.length === 0, {
        expected: `messages are accepted and delivered again within ${BOUND_MS / 1_000} s of the broker's return`,
        actual: unserved.join('; '),
        hint: 'Subscriptions have to be renewed as well as connections.',
      });
    },
    options,
  ),

  check(
    'cluster-loss-announced',
    async (t) => {
      const { lost } = await outage(t);
      if (lost.length === 0) t.vacuous('no connection outlived the outage');
      judgeOrder(t, lost);
      judgeMissing(t, lost);
    },
    options,
  ),

  check(
    'cluster-loss-announced',
    async (t) => {
      const { busy } = await cut(t);
      judgeOrder(t, busy);
      judgeMissing(t, busy);
    },
    { ...options, variant: 'one-instance' },
  ),

  check(
    'cluster-loss-at-end-announced',
    async (t) => {
      const { quiet } = await cut(t);
      judgeOrder(t, quiet);
      judgeMissing(t, quiet);
    },
    options,
  ),
];
