import { check } from '#conformance/harness/check.js';
import { opcodes } from '#conformance/harness/frames.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Delay } from '#conformance/harness/stalls.js';
import type { Welcome } from '#conformance/harness/welcome.js';
import { mustBePunctual, watched } from './punctuality.js';
import { patient } from './servers.js';

const SHORT_MS = 2_000;
const SLACK_MS = 250;
const LOOK_MS = 25;
const LATE_MS = 3_000;

const PONGS =
  'Look at what the library counts as an answer, and whether its timeout runs from the Ping that it sent.';
const CROSSED =
  'The Pong for an earlier Ping is a sign of life, too: it may cross with the next Ping. Do not hold it to the latest payload.';
const IDLE = 'Whatever a client sends or is sent, it is pinged all the same.';

/** Within how many milliseconds of its last frame a silent peer is given up. */
export const bound = ({ heartbeat }: Welcome) => heartbeat.interval_ms + heartbeat.timeout_ms;

// How many Pings are waited for: of short intervals several, so that their average tells.
const rounds = ({ heartbeat }: Welcome) => (heartbeat.interval_ms <= SHORT_MS ? 4 : 2);

// Longer than any server may wait for a sign of life, by one interval.
const patienceOf = (welcome: Welcome) => bound(welcome) + welcome.heartbeat.interval_ms;

/** How long it takes to see that Pings are sent, in milliseconds. */
export const roundsMs = (welcome: Welcome) => rounds(welcome) * welcome.heartbeat.interval_ms;

/** Holds what `took` so many milliseconds to those allowed: half as long again is late, where all were on time. */
export function inTime(t: Stage, what: string, took: number, allowed: number, worst: Delay): void {
  if (took <= 1.5 * allowed + SLACK_MS) return;
  mustBePunctual(t, worst, allowed / 4, `${what} took ${Math.round(took)} ms`);
  t.fail({
    expected: `${what} within ${allowed} ms, as announced`,
    actual: `it took ${Math.round(took)} ms`,
  });
}

/** Holds a server to ping a connection as often as it announces. */
export async function isPinged(t: Stage, peer: Peer, hint?: string): Promise<void> {
  const { interval_ms } = t.welcome.heartbeat;
  const count = rounds(t.welcome);
  const start = peer.log[0]?.at ?? performance.now();
  await watched(t, async (worst) => {
    await peer.until(
      () => peer.pingsReceived[count - 1],
      () => ({
        expected: `${count} Ping frames, one each ${interval_ms} ms or sooner`,
        actual: `${peer.pingsReceived.length} came`,
        hint,
      }),
      { extraMs: roundsMs(t.welcome) },
    );
    const took = (peer.pingsReceived[count - 1]?.at ?? start) - start;
    inTime(t, `${count} Pings`, took, count * interval_ms, worst());
  });
}

// Talks until the other side of it is over.
async function meanwhile(
  t: Stage,
  over: Promise<unknown>,
  say: () => Promise<unknown>,
  ms: number,
) {
  let done = false;
  const talk = async () => {
    while (!done) {
      await say();
      await t.pause(ms);
    }
  };
  const stop = () => {
    done = true;
  };
  await Promise.all([over.finally(stop), talk()]);
}

// A peer that reads and answers nothing; its last frame has been sent when this resolves.
async function silent(t: Stage, begun = ''): Promise<{ peer: Peer; since: number }> {
  const peer = await t.connect('sloth', { autoPong: false });
  if (begun) peer.sendFrame({ opcode: opcodes.text, payload: Buffer.from(begun), fin: false });
  return { peer, since: performance.now() };
}

async function isEnded(t: Stage): Promise<void> {
  await watched(t, async (worst) => {
    const { peer, since } = await silent(t);
    const close = await peer.ends(bound(t.welcome));
    inTime(t, 'the end of a silent connection', close.at - since, bound(t.welcome), worst());
  });
}

// Connections of one user, the oldest of which falls silent in the middle of a message.
async function areEnded(t: Stage): Promise<void> {
  const most = Math.min(3, t.welcome.limits.max_connections_per_user);
  await watched(t, async (worst) => {
    const peers = [await silent(t, '{"type":')];
    while (peers.length < most) peers.push(await silent(t));
    t.note(`${most} connections of one user, all silent; the first has sent a part of a message`);
    const ended = peers.map(async ({ peer, since }) => {
      const close = await peer.ends(bound(t.welcome));
      inTime(t, 'the end of a silent connection', close.at - since, bound(t.welcome), worst());
    });
    await Promise.all(ended);
  });
}

// Answers each Ping so long after it came, until so much time has passed.
async function answersLate(t: Stage, peer: Peer, lateMs: number, ms: number): Promise<void> {
  const end = performance.now() + ms;
  for (let next = 0; !peer.closed && performance.now() < end; ) {
    const ping = peer.pingsReceived[next];
    const due = ping && ping.at + lateMs - performance.now();
    if (!ping || due === undefined || due > 0) await t.pause(Math.min(due ?? LOOK_MS, LOOK_MS));
    else {
      peer.sendFrame({ opcode: opcodes.pong, payload: ping.payload });
      next += 1;
    }
  }
}

// A connection whose every Ping was answered is there still.
async function isKept(t: Stage, peer: Peer, worst: () => Delay, hint = PONGS): Promise<void> {
  const gone = await t.finds(() => peer.staysOpen());
  judgeEnd(t, peer, worst(), hint);
  if (gone) throw gone;
}

// A close that came although every Ping was answered; on a busy machine an answer may be late.
function judgeEnd(t: Stage, peer: Peer, worst: Delay, hint: string): void {
  const { closed, pingsReceived, announced } = peer;
  if (!closed) return;
  mustBePunctual(
    t,
    worst,
    announced.heartbeat.timeout_ms / 2,
    `Pings were answered, ${closed.detail}`,
  );
  t.fail({
    expected: 'a connection that answers each Ping is kept',
    ...(pingsReceived.length === 0
      ? {
          actual: `${closed.detail}, and no Ping came before`,
          hint: 'Send a Ping, and count the silence from it.',
        }
      : {
          actual: `${closed.detail}, after ${pingsReceived.length} Pings, each answered`,
          hint,
        }),
  });
}

const leavesRoom = (depart: (bob: Peer) => void) =>
  async function leaves({ join }: Stage): Promise<void> {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    depart(bob);
    await ann.receives('leave', {
      room: 'lounge',
      data: { user: bob.user, reason: 'disconnected' },
    });
  };

const ends = leavesRoom((bob) => bob.end());
const resets = leavesRoom((bob) => bob.terminate());
const closes = leavesRoom((bob) => bob.close(1000));

/** The checks of spec/heartbeat.md. */
export const heartbeat = [
  check('heartbeat-ping-sent', async (t) => isPinged(t, await t.connect('ann')), {
    timers: true,
    takes: roundsMs,
  }),

  check(
    'heartbeat-ping-on-busy-connection',
    async (t) => {
      const ann = await t.connect('ann');
      const over = isPinged(t, ann, IDLE);
      await meanwhile(t, over, () => ann.pings(), t.welcome.heartbeat.interval_ms / 4);
    },
    { timers: true, takes: roundsMs },
  ),

  check('heartbeat-silent-peer-dropped', isEnded, { timers: true, takes: bound }),
  check('heartbeat-silent-peer-dropped', areEnded, {
    variant: 'each',
    timers: true,
    takes: bound,
  }),

  check(
    'heartbeat-silent-peer-4201',
    async (t) => {
      const { peer } = await silent(t);
      await peer.closes(4201, 'heartbeat_timeout', bound(t.welcome));
    },
    { timers: true, takes: bound },
  ),

  check(
    'heartbeat-deliveries-prove-nothing',
    async (t) => {
      const { interval_ms, timeout_ms } = t.welcome.heartbeat;
      const { limit, window_ms } = t.rate('messages');
      // Often enough for a timer that each delivery resets, within the rate of one user.
      const pace = Math.max(Math.min(interval_ms, timeout_ms) / 3, (window_ms / limit) * 1.2);
      await watched(t, async (worst) => {
        const { peer: sloth } = await silent(t);
        await sloth.joins('lounge');
        const since = performance.now();
        const [ann] = await t.join('lounge', 'ann');
        const over = sloth.ends(bound(t.welcome));
        await meanwhile(t, over, () => ann.chat('lounge', 'anybody there?'), pace);
        const close = await over;
        inTime(t, 'the end of a silent connection', close.at - since, bound(t.welcome), worst());
      });
    },
    { timers: true, takes: bound },
  ),

  check(
    'heartbeat-answering-peer-kept',
    async (t) => {
      const ann = await t.connect('ann');
      const least = patienceOf(t.welcome);
      const since = performance.now();
      await watched(t, async (worst) => {
        await ann.until(
          () => ann.closed ?? ann.pingsReceived[1],
          () => ({
            expected: `Pings for ${least} ms`,
            actual: `${ann.pingsReceived.length} came`,
          }),
          { extraMs: least, outlivesClose: true },
        );
        if (!ann.closed) await t.pause(Math.max(0, since + least - performance.now()));
        await isKept(t, ann, worst);
      });
    },
    { timers: true, takes: patienceOf },
  ),

  check(
    'heartbeat-answering-peer-kept',
    async (t) => {
      const ann = await t.connect('ann', { autoPong: false });
      const { timeout_ms } = ann.announced.heartbeat;
      if (timeout_ms < 800 || patienceOf(ann.announced) > LATE_MS)
        t.notExercised('the instance does not announce the heartbeat that it was given');
      await watched(t, async (worst) => {
        await answersLate(t, ann, 0.6 * timeout_ms, patienceOf(ann.announced));
        await isKept(t, ann, worst, CROSSED);
      });
    },
    {
      variant: 'crossing',
      timers: true,
      takes: () => LATE_MS,
      // Where Pings come every half of the interval, an answer that takes longer crosses with the next.
      instance: { PARLOR_HEARTBEAT_INTERVAL_MS: '1000', PARLOR_HEARTBEAT_TIMEOUT_MS: '1000' },
    },
  ),

  check(
    'heartbeat-answering-peer-kept',
    async (t) => {
      const { timeout_ms } = t.welcome.heartbeat;
      const before = performance.now();
      const { peer } = await silent(t);
      const close = await peer.ends(bound(t.welcome));
      t.assert(close.at - before >= timeout_ms, {
        expected: `a connection without any frame is kept for ${timeout_ms} ms and longer`,
        actual: `${close.detail}, ${Math.round(close.at - before)} ms after the handshake was sent`,
        hint: 'The numbers are milliseconds.',
      });
    },
    { variant: 'patient', timers: true, takes: bound },
  ),

  check(
    'heartbeat-silent-peer-leaves',
    async (t) => {
      await watched(t, async (worst) => {
        const [ann, sloth] = await t.join('lounge', 'ann', 'sloth');
        sloth.autoPong = false;
        const since = performance.now();
        await ann.receives(
          'leave',
          { room: 'lounge', data: { user: sloth.user, reason: 'disconnected' } },
          bound(t.welcome),
        );
        const left = ann.log.find(({ message }) => message.type === 'leave');
        inTime(t, 'the leave', (left?.at ?? since) - since, bound(t.welcome), worst());
      });
    },
    { timers: true, takes: bound },
  ),

  // Where the announced heartbeat is as fast as an answer, these pass: the ones below tell.
  check('heartbeat-tcp-close-leaves', ends, { variant: 'end' }),
  check('heartbeat-tcp-close-leaves', resets, { variant: 'reset' }),
  check('heartbeat-close-frame-leaves', closes),

  check('heartbeat-tcp-close-leaves', ends, { variant: 'slow-end', ...patient }),
  check('heartbeat-tcp-close-leaves', resets, { variant: 'slow-reset', ...patient }),
  check('heartbeat-close-frame-leaves', closes, { variant: 'slow', ...patient }),
];
