import { check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { fillRooms } from './capacity.js';
import { strict } from './servers.js';

const FAULTS = ['{', '{}', '{"type":"no_such_type"}', '{"type":"chat","data":{}}', '[]'];
const MOST = 2_000;
// The version of no binary message.
const UNREADABLE = Buffer.from([2, 0, 0]);
// Longer than a second, which is what a window is where nobody sets it.
const SPREAD_MS = 1_300;
// A window that is over sooner is over before its errors have been answered.
const SHORTEST_MS = 500;

/** Sends so many protocol errors, a mixture of the codes, and waits for the answers. */
export async function err(peer: Peer, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    peer.sendText(FAULTS[i % FAULTS.length] ?? '{');
    await peer.receives('error');
  }
}

function most(t: Stage): number {
  const { max_protocol_errors: budget } = t.welcome.limits;
  if (budget > MOST) t.notExercised(`${budget} protocol errors are more than the suite makes`);
  return budget;
}

/** The budget, and its window in milliseconds. @throws NotExercised where one error spends it, or it cannot be spent in time */
function several(t: Stage): { count: number; window: number } {
  const { protocol_error_window_ms: window } = t.welcome.limits;
  const count = most(t);
  if (count < 2) t.notExercised('the first protocol error ends the connection');
  if (window < SHORTEST_MS)
    t.notExercised(`a window of ${window} ms is over before it can be filled`);
  return { count, window };
}

// So many errors at once of a code that counts against no budget; the connection is kept.
async function often(
  t: Stage,
  peer: Peer,
  code: string,
  ask: () => Promise<Message>,
  count = most(t) + 2,
): Promise<void> {
  try {
    await Promise.all(Array.from({ length: count }, () => peer.refuses(code, ask)));
    await peer.staysOpen();
  } catch (error) {
    if (peer.closed?.code !== 4000) throw error;
    t.fail({
      expected: `${count} errors of code ${code} leave the connection open`,
      actual: peer.closed.detail,
      hint: 'Count the five codes of malformed messages, and no other: whatever else is refused is no defect of the client.',
    });
  }
}

/**
 * Sends the error that spends the budget. What is answered then was judged before: until the deadline all of them lie in
 * one window, and later nothing can be said.
 */
export async function spendsBy(t: Stage, peer: Peer, deadline: number): Promise<void> {
  peer.sendText('{');
  await peer.echoesPing('judged').catch(() => {});
  if (performance.now() >= deadline)
    t.inconclusive('the machine was too slow: the first error had left the window');
}

/** The checks of the budget for protocol errors. */
export const budget = [
  check('errors-budget-tolerated', async (t) => {
    const ann = await t.connect('ann');
    await err(ann, most(t) - 1);
    await ann.staysOpen();
  }),

  check('errors-budget-spent', async (t) => {
    const ann = await t.connect('ann');
    await err(ann, most(t) - 1);
    ann.sendText('{');
    await ann.closes(4000, 'too_many_protocol_errors');
  }),

  check(
    'errors-budget-spent',
    async (t) => {
      const ann = await t.connect('ann');
      const half = Math.floor((most(t) - 1) / 2);
      await err(ann, most(t) - 1 - half);
      for (let i = 0; i < half; i += 1) {
        ann.sendBytes(UNREADABLE);
        await ann.receives('error');
      }
      ann.sendBytes(UNREADABLE);
      const hint =
        'A binary message that is unsupported or cannot be read is a protocol error: count it.';
      await ann.closes(4000, 'too_many_protocol_errors', 0, hint);
    },
    { variant: 'binary' },
  ),

  check(
    'errors-budget-spent',
    async (t) => {
      const ann = await t.connect('ann');
      const { count, window } = several(t);
      const half = Math.floor(count / 2);
      const began = performance.now();
      await err(ann, half);
      await t.pause(Math.min(SPREAD_MS, window * 0.4));
      await err(ann, count - half - 1);
      await spendsBy(t, ann, began + window);
      const hint = `Count the protocol errors of the last protocol_error_window_ms = ${window}; after a pause in their midst none were left.`;
      await ann.closes(4000, 'too_many_protocol_errors', 0, hint);
    },
    { variant: 'spread', timers: true, takes: () => SPREAD_MS },
  ),

  check(
    'errors-budget-spent',
    async (t) => {
      const ann = await t.connect('ann');
      const { count, window } = several(t);
      const began = performance.now();
      await err(ann, count - 1);
      await ann.joins('lounge');
      await ann.pings();
      await spendsBy(t, ann, began + window);
      const hint =
        'What a client does right gives nothing back: only the time takes a protocol error off the count.';
      await ann.closes(4000, 'too_many_protocol_errors', 0, hint);
    },
    { variant: 'between' },
  ),

  // One error opens a window of a naive kind; the rest lie on both sides of its end, and within one that slides.
  check(
    'errors-budget-spent',
    async (t) => {
      const ann = await t.connect('ann');
      const { max_protocol_errors: most, protocol_error_window_ms: window } = ann.announced.limits;
      if (most < 4 || most > MOST)
        return t.notExercised(`${most} protocol errors cannot be made on both sides of a moment`);
      if (window < SHORTEST_MS || window > 60_000)
        return t.notExercised(`\`protocol_error_window_ms\` is ${window}`);
      const begin = performance.now();
      await err(ann, 1);
      await t.pause(window * 0.7);
      const before = performance.now();
      const half = Math.floor(most / 2);
      await err(ann, half);
      await t.pause(Math.max(0, begin + window * 1.15 - performance.now()));
      await err(ann, most - half - 1);
      ann.sendText('{');
      if (performance.now() - before > window * 0.9)
        t.inconclusive('the machine was too slow: the errors do not lie in one window');
      await ann.closes(4000, 'too_many_protocol_errors');
    },
    { ...strict, variant: 'slides', timers: true, takes: () => 1_200 },
  ),

  check('errors-budget-last-answered', async (t) => {
    const ann = await t.connect('ann');
    await err(ann, most(t) - 1);
    ann.sendText('{"type":"no_such_type","id":"last"}');
    await ann.ends();
    t.assert(ann.received('error', { ref: 'last' }).length === 1, {
      expected: 'the error of the message that spends the budget comes before the close',
      actual: 'the connection was closed without it',
    });
  }),

  check(
    'errors-budget-window',
    async (t) => {
      const ann = await t.connect('ann');
      const limits = (ann.welcome.data['limits'] ?? {}) as Record<string, number>;
      const { max_protocol_errors: count = 0, protocol_error_window_ms: window = 0 } = limits;
      if (count > MOST) t.notExercised(`${count} protocol errors are more than the suite makes`);
      await err(ann, count - 1);
      await t.pause(window + 50);
      await err(ann, count - 1);
      await ann.staysOpen();
    },
    {
      timers: true,
      takes: () => 1_500,
      ...strict,
    },
  ),

  check('errors-budget-malformed-only', async (t) => {
    const ann = await t.connect('ann', { claims: { rooms: [t.room('lounge')] } });
    const count = most(t) + 2;
    if (t.limitOf('join') < 2 * count)
      t.notExercised('the announced rate does not allow so many requests');
    for (let i = 0; i < count; i += 1) {
      await ann.refuses('forbidden', () => ann.request('join', {}, { room: 'elsewhere' }));
      await ann.refuses(['not_in_room', 'rate_limited'], () =>
        ann.request('chat', { text: 'x' }, { room: 'lounge' }),
      );
    }
    await ann.staysOpen();
  }),

  // Each code on a connection of its own, often enough to spend a budget alone.
  check(
    'errors-budget-malformed-only',
    async (t) => {
      const count = most(t) + 2;
      const room = { room: 'lounge' };
      const exceeds: Record<string, () => Promise<void>> = {};
      if (t.announces('resume'))
        exceeds['duplicate_id'] = async () => {
          const ann = await t.connect('ann');
          await ann.joins('lounge');
          await ann.acked('chat', { text: 'one' }, { ...room, id: 'c9' });
          const again = () => ann.request('chat', { text: 'two' }, { ...room, id: 'c9' });
          await often(t, ann, 'duplicate_id', again);
        };
      if (t.limitOf('join') >= t.welcome.limits.max_rooms + count)
        exceeds['too_many_rooms'] = async () => {
          const bob = await fillRooms(t, 'bob');
          await often(t, bob, 'too_many_rooms', () => bob.request('join', {}, room));
        };
      if (t.announces('auth_refresh') && t.limitOf('auth') >= count)
        exceeds['auth_failed'] = async () => {
          const cat = await t.connect('cat');
          const token = t.mint('cat', { exp: 1 });
          await often(t, cat, 'auth_failed', () => cat.request('auth', { token }));
        };
      const all = Object.values(exceeds);
      if (all.length === 0) t.notExercised('no further code can be earned so often');
      await Promise.all(all.map((exceed) => exceed()));
    },
    { variant: 'each-code' },
  ),

  // A window admits too few of these for any but a small budget.
  check(
    'errors-budget-malformed-only',
    async (t) => {
      const ann = await t.connect('ann');
      const { features, limits, rates } = ann.announced;
      const count = limits.max_protocol_errors + 2;
      const bucket = rates.find(({ types }) => types.includes('direct'));
      if (!features.includes('direct') || count > (bucket?.limit ?? count))
        return t.notExercised(`no ${count} direct messages are admitted`);
      const ask = () => ann.request('direct', { to: t.user('nobody'), text: 'x' });
      await often(t, ann, 'recipient_unavailable', ask, count);
    },
    { ...strict, variant: 'recipient' },
  ),

  check('errors-budget-per-connection', async (t) => {
    const ann = await t.connect('ann');
    const tab = await t.connect('ann');
    await err(ann, most(t) - 1);
    await err(tab, most(t) - 1);
    await ann.staysOpen();
    await tab.staysOpen();
  }),
];
