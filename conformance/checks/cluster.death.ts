import { type Check, check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Instance } from '#conformance/harness/process.js';
import type { Stage } from '#conformance/harness/stage.js';
import { NotExercised, type Violation } from '#conformance/harness/verdict.js';
import type { Welcome } from '#conformance/harness/welcome.js';
import { gather, settle } from './cluster.rooms.js';

/** An instance that may be killed. */
interface Victim {
  at: number | Instance;
  /** The instances that live on. */
  survivors: number[];
  kill(): Promise<unknown>;
  revive: () => Promise<unknown>;
}

/** What followed from the death of an instance. */
interface Aftermath {
  ttlMs: number;
  ann: string;
  cat: string;
  dan: string;
  /** Comings and goings after the death, for each member on a survivor. */
  told: { watcher: string; events: Message[] }[];
  members: string[];
  /** Whether these are not all of them. */
  cut: boolean;
  /** What went wrong between two survivors. */
  harm: Violation | undefined;
}

// One more instance where the runner can start one, else the last one that it was given.
async function choose(t: Stage): Promise<Victim> {
  const all = [...t.urls.keys()];
  try {
    const instance = await t.launch({ PARLOR_INSTANCE: t.user('victim') });
    const kill = async () => {
      instance.signal('SIGKILL');
      await instance.exited;
    };
    return { at: instance, survivors: all, kill, revive: async () => {} };
  } catch (error) {
    if (!(error instanceof NotExercised)) throw error;
    const at = all.length - 1;
    const url = t.urls[at];
    return {
      at,
      survivors: all.slice(0, at),
      kill: () => t.control('server.stop', { url, signal: 'SIGKILL' }),
      revive: () => t.control('server.start', { url }),
    };
  }
}

async function observe(t: Stage): Promise<Aftermath> {
  const victim = await choose(t);
  return t.during(() => watch(t, victim), victim.revive);
}

async function watch(t: Stage, { at, survivors, kill }: Victim): Promise<Aftermath> {
  const [home = 0] = survivors;
  const watchers = await Promise.all(
    survivors.flatMap((index) => [
      t.connect(`bob-${index}`, { at: index }),
      t.connect(`eve-${index}`, { at: index }),
    ]),
  );
  const [ann, dan] = [await t.connect('ann', { at }), await t.connect('dan', { at })];
  const [cat, twin] = [await t.connect('cat', { at }), await t.connect('cat', { at: home })];
  await gather('lounge', [...watchers, ann, cat, dan]);
  await twin.joins('lounge');
  const ttlMs = Number(ann.welcome.data['presence_ttl_ms']);
  const before = watchers.map((peer) => moves(peer).length);
  await kill();
  const killed = performance.now();
  const back = await t.connect('dan', { at: home });
  await back.joins('lounge');
  const harm = await talking(t, watchers, killed + ttlMs);
  await Promise.all(watchers.map((peer) => arrival(t, peer, ann.user)));
  if (!harm) await settle('lounge', [...watchers.slice(0, 2), back]);
  const { data } = await back.members('lounge');
  return {
    ttlMs,
    ann: ann.user,
    cat: cat.user,
    dan: dan.user,
    told: watchers.map((peer, i) => ({
      watcher: peer.label,
      events: moves(peer).slice(before[i]),
    })),
    members: data.members ?? [],
    cut: data.truncated === true,
    harm,
  };
}

const moves = (peer: Peer): Message[] =>
  peer.received('*', ({ type, ref }) => ref === undefined && ['join', 'leave'].includes(type));

/** The members on the survivors talk to each other until that time; what fails of it. */
function talking(t: Stage, peers: readonly Peer[], until: number): Promise<Violation | undefined> {
  const rounds = 4;
  const step = (until - performance.now()) / rounds;
  return t.finds(async () => {
    for (let round = 1; round <= rounds; round += 1) {
      await t.pause(Math.max(0, Math.min(step, until - performance.now())));
      const speaker = peers[round % peers.length] as Peer;
      const text = `still here, round ${round}`;
      await speaker.chat('lounge', text);
      await Promise.all(peers.map((peer) => peer.receives('chat', { data: { text } })));
    }
  });
}

/** Waits for a `leave` that may never come; whether it did is for a rule to judge. */
async function arrival(t: Stage, peer: Peer, user: string): Promise<void> {
  await t.finds(() => peer.receives('leave', { data: { user } }));
}

const aftermath = (t: Stage): Promise<Aftermath> =>
  t.once('death of an instance', () => observe(t));

const leaves = (events: readonly Message[], user: string) =>
  events.filter(({ type, data }) => type === 'leave' && data.user === user);

const options: Check['options'] = { alone: 'last' };

// The observation is made by the first of the checks that share it.
const first: Check['options'] = {
  ...options,
  takes: (welcome: Welcome) => Number(welcome.presence_ttl_ms ?? 0),
};

/** The rules about the death of an instance. */
export const clusterDeath = [
  check('cluster-presence-ttl-bounded', async (t) => {
    const { heartbeat, presence_ttl_ms: ttl } = t.welcome;
    const most = heartbeat.interval_ms + heartbeat.timeout_ms + 60_000;
    t.assert(typeof ttl === 'number' && ttl <= most, {
      expected: `\`presence_ttl_ms\` is announced, and at most ${most}`,
      actual: `it is ${JSON.stringify(ttl)}`,
    });
  }),

  check(
    'cluster-killed-instance-leaves',
    async (t) => {
      const { told, ann, ttlMs, members } = await aftermath(t);
      for (const { watcher, events } of told) {
        const found = leaves(events, ann);
        t.assert(found.length === 1, {
          expected: `${watcher}, on a surviving instance, receives one leave event of ann within ${ttlMs} ms`,
          actual: `it received ${found.length}`,
          hint:
            found.length === 0
              ? 'A killed process says nothing: the others have to notice that it renews no lease, and to clear away its presences.'
              : 'Whoever removes the last presence, in one atomic step, publishes the leave; the others do not.',
        });
        t.equal(found[0]?.data['reason'], 'disconnected', 'the reason of that leave event');
      }
      t.assert(!members.includes(ann), {
        expected: 'the members no longer list ann, who was on the killed instance',
        actual: `they are ${members.join(', ')}`,
      });
    },
    first,
  ),

  check(
    'cluster-returned-user-stays',
    async (t) => {
      const { told, dan, cat, members, cut } = await aftermath(t);
      for (const [user, story] of [
        [dan, 'dan, who joined again through a survivor'],
        [cat, 'cat, who had another connection on a survivor'],
      ] as const) {
        for (const { watcher, events } of told)
          t.assert(leaves(events, user).length === 0, {
            expected: `${watcher} receives no leave event of ${story}`,
            actual: JSON.stringify(leaves(events, user)[0]),
            hint: 'Remove the presences of the dead instance one by one; only the last one of a user is a leave.',
          });
        t.assert(cut || members.includes(user), {
          expected: `the members list ${story}`,
          actual: `they are ${members.join(', ')}`,
        });
      }
    },
    options,
  ),

  check(
    'cluster-survivors-unharmed',
    async (t) => {
      const { harm } = await aftermath(t);
      if (harm) throw harm;
    },
    options,
  ),
];
