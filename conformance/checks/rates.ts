import { check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Rate, Welcome } from '#conformance/harness/welcome.js';
import { Attempts, MOST, messagesRate } from './attempts.js';
import { whyAdmitted, whyRefilled } from './excess.js';
import { strict } from './servers.js';

const NOT_THE_LOG =
  'The algorithm is a sliding log: count the admitted messages of the last window_ms before each message.';

// Requests that a member may repeat without an end, with their data.
const requests: Readonly<Record<string, object>> = {
  members: {},
  join: {},
  typing: { active: true },
  chat: { text: 'x' },
  ping: {},
};

const messagesWindow = ({ rates }: Welcome): number =>
  rates.find(({ bucket }) => bucket === 'messages')?.window_ms ?? 0;

const windows = (count: number) => ({
  timers: true as const,
  takes: (welcome: Welcome) => count * messagesWindow(welcome),
});

function scope(t: Stage, wanted: Rate['scope']): Rate {
  const rate = t.welcome.rates.find(
    (each) =>
      each.scope === wanted && each.types.some((type) => type === 'chat' || type === 'ping'),
  );
  if (!rate || rate.limit > MOST)
    return t.notExercised(`no bucket of scope ${wanted} counts chat or ping`);
  return rate;
}

// A user in a room of its own, and the log of what it tries there.
async function start(t: Stage, label = 'ann'): Promise<{ peer: Peer; tries: Attempts }> {
  const [peer] = await t.join(`room of ${label}`.replaceAll(' ', '-'), label);
  if (!peer) throw new Error('a join gives a peer');
  return {
    peer,
    tries: new Attempts(t, messagesRate(t), () =>
      peer.request('chat', { text: 'x' }, { room: `room-of-${label}` }),
    ),
  };
}

// The likely cause of what was admitted beyond the log, told apart by a burst of somebody else.
const why = (t: Stage, tries: Attempts, guess: string, label = 'ann') =>
  whyAdmitted(tries, async () => (await start(t, `other-than-${label}`)).tries, guess);

// Uses up a bucket by its first type that any connection may send.
async function exhaust(t: Stage, peer: Peer, rate: Rate): Promise<Attempts> {
  if (rate.types.includes('ping')) {
    const tries = new Attempts(t, rate, () => peer.request('ping', {}));
    await tries.burst(rate.limit);
    return tries;
  }
  await peer.joins('exhausted');
  const tries = new Attempts(t, rate, () =>
    peer.request('chat', { text: 'x' }, { room: 'exhausted' }),
  );
  await tries.burst(rate.limit);
  return tries;
}

function announced(rates: readonly Rate[]): Rate {
  return rates.find(({ bucket }) => bucket === 'messages') as Rate;
}

function isRateLimited(reply: Message): boolean {
  return reply.type === 'error' && reply.data.code === 'rate_limited';
}

/** The checks of spec/rates.md. */
export const rates = [
  check('rates-messages-bucket', async ({ welcome, assert }) => {
    const wanted = [
      'chat',
      ...['direct', 'broadcast', 'binary'].filter((each) => welcome.features.includes(each)),
    ];
    const types = welcome.rates.find(({ bucket }) => bucket === 'messages')?.types;
    assert(types && wanted.every((each) => types.includes(each)), {
      expected: `a bucket named messages whose types hold ${wanted.join(', ')}`,
      actual: types
        ? `its types are ${types.join(', ')}`
        : `the buckets are ${welcome.rates.map(({ bucket }) => bucket).join(', ') || 'none'}`,
    });
  }),

  check('rates-one-bucket-per-type', async ({ welcome, equal }) => {
    const types = welcome.rates.flatMap((rate) => rate.types);
    equal(
      types.filter((each, index) => types.indexOf(each) !== index),
      [],
      'the types that stand in more than one bucket',
    );
  }),

  check('rates-unlisted-unlimited', async (t) => {
    const listed = new Set(t.welcome.rates.flatMap((rate) => rate.types));
    const most = Math.max(...t.welcome.rates.map(({ limit }) => limit), 1);
    const { peer, tries } = await start(t);
    const type = most > MOST ? undefined : ['ping', 'members'].find((each) => !listed.has(each));
    const unlimited = (reply: Message) =>
      t.assert(!isRateLimited(reply), {
        expected: `no ${type ?? 'message of an unknown type'} is rate_limited: no bucket lists it`,
        actual: 'one was',
      });
    if (type) {
      const room = type === 'ping' ? {} : { room: 'room-of-ann' };
      const asks = Array.from({ length: most + 5 }, () => peer.request(type, {}, room));
      for (const reply of await Promise.all(asks)) unlimited(reply);
      return;
    }
    // Everything that can be asked for is listed: what is left are types that nobody knows.
    await tries.burst(tries.rate.limit + 1);
    for (let i = 1; i < Math.min(t.welcome.limits.max_protocol_errors, 6); i += 1)
      unlimited(await peer.request('x.parlor.nobody_knows_this'));
  }),

  check('rates-burst-admitted', async (t) => {
    const { tries } = await start(t);
    await tries.burst(tries.rate.limit);
    tries.judge();
  }),

  check(
    'rates-over-refused',
    async (t) => {
      const { peer, tries } = await start(t);
      const [bob] = await t.join('room-of-ann', 'bob');
      await tries.burst(tries.rate.limit + 1);
      tries.judge({ lastIs: 'refused', hint: await why(t, tries, NOT_THE_LOG) });
      await peer.staysOpen();
      await t.patience(tries.rate.window_ms);
      await tries.untilFree();
      if (bob) await bob.fencedBy(peer, 'room-of-ann');
      t.equal(
        bob?.received('chat', { data: { text: 'x' } }).length,
        tries.rate.limit,
        'the number of events that the other member received',
      );
    },
    windows(1),
  ),

  check(
    'rates-over-refused',
    async (t) => {
      const kinds = ({ types }: Rate) => types.filter((type) => type in requests);
      const rate = t.welcome.rates.find((each) => each.limit <= MOST && kinds(each).length > 1);
      if (!rate) return t.notExercised('no bucket counts several of the types that it sends');
      const ann = await t.connect('ann');
      const ask = (type: string) => () =>
        ann.request(type, requests[type], type === 'ping' ? {} : { room: 'lounge' });
      const joins = new Attempts(t, rate, ask('join'));
      if (rate.types.includes('join')) await joins.burst(1);
      else await ann.joins('lounge');
      const types = kinds(rate);
      let asked = 0;
      const tries = joins.goOn(() => {
        asked += 1;
        return ask(types[asked % types.length] as string)();
      });
      await tries.burst(rate.limit + types.length);
      const hint = `The messages of all types of a bucket count together: ${rate.types.join(', ')}.`;
      tries.judge({ lastIs: 'refused', hint });
    },
    { variant: 'several-types' },
  ),

  check('rates-refusal-members', async (t) => {
    const { tries } = await start(t);
    const { bucket, limit, window_ms } = tries.rate;
    await tries.burst(limit + 1);
    const refusal = tries.refusal();
    t.equal(
      { bucket: refusal['bucket'], limit: refusal['limit'] },
      { bucket, limit },
      '`bucket` and `limit` of the refusal',
    );
    const wait = refusal['retry_after_ms'];
    t.assert(Number.isInteger(wait) && Number(wait) >= 0 && Number(wait) <= window_ms + 1_000, {
      expected: `retry_after_ms is an integer of at most window_ms = ${window_ms}`,
      actual: `it is ${JSON.stringify(wait)}`,
    });
  }),

  check(
    'rates-window-frees',
    async (t) => {
      const { tries } = await start(t);
      await tries.burst(tries.rate.limit);
      await tries.untilFree();
      await tries.burst(tries.rate.limit);
      tries.judge();
    },
    windows(1.1),
  ),

  check(
    'rates-window-frees',
    async (t) => {
      const { tries } = await start(t);
      const { limit, window_ms } = tries.rate;
      if (limit < 2) return t.notExercised('with a limit of one nothing can slide');
      await tries.burst(1);
      await t.pause(window_ms / 2);
      await tries.burst(limit - 1);
      await tries.untilOldestFree();
      await tries.burst(2);
      tries.judge({ decided: 1 });
    },
    { ...windows(1.1), variant: 'slides' },
  ),

  check(
    'rates-no-refill-within-window',
    async (t) => {
      const { tries } = await start(t);
      await tries.burst(tries.rate.limit);
      await t.pause(tries.rate.window_ms / 2);
      await tries.burst(1);
      tries.judge({ lastIs: 'refused', hint: await why(t, tries, await whyRefilled(tries)) });
    },
    windows(0.6),
  ),

  check(
    'rates-no-fixed-window',
    async (t) => {
      const { tries } = await start(t);
      const { limit, window_ms } = tries.rate;
      const half = Math.floor(limit / 2);
      if (half < 1) return t.notExercised('with a limit of one there is no half a burst');
      await tries.burst(half);
      await t.pause(window_ms / 2);
      await tries.burst(limit - half);
      await tries.untilOldestFree(half);
      await tries.burst(limit);
      const guess = `After a whole window more than the oldest ${half} are free: a fixed window begins anew and forgets, and tokens have grown back. ${NOT_THE_LOG}`;
      tries.judge({ lastIs: 'refused', hint: await why(t, tries, guess) });
    },
    windows(1.2),
  ),

  // Windows of a wall clock: whatever their boundary, it lies between the burst and the probe of one of four users.
  check(
    'rates-no-fixed-window',
    async (t) => {
      const { window_ms } = messagesRate(t);
      await Promise.all(
        ['ann', 'bob', 'cid', 'dan'].map(async (label, index) => {
          const { tries } = await start(t, label);
          await t.pause((index * window_ms) / 4);
          await tries.burst(tries.rate.limit);
          await t.pause(window_ms * 0.7);
          await tries.burst(1);
          const guess = `Somewhere in a window a full burst is forgotten or tokens grow back, as on a boundary of the clock. ${NOT_THE_LOG}`;
          tries.judge({ lastIs: 'refused', hint: await why(t, tries, guess, label) });
        }),
      );
    },
    { ...windows(1.5), variant: 'on-the-clock' },
  ),

  check(
    'rates-refused-not-counted',
    async (t) => {
      const { tries } = await start(t);
      const { limit, window_ms } = tries.rate;
      await tries.burst(limit);
      // As many as the log holds: were they entered, it would stay full.
      await t.pause(window_ms / 2);
      await tries.burst(limit);
      await tries.untilFree();
      await tries.burst(1);
      tries.judge({
        lastIs: 'admitted',
        refusals: true,
        hint: 'Refused messages are entered into the log: enter a message only when it is admitted.',
      });
    },
    windows(1.1),
  ),

  check('rates-malformed-not-counted', async (t) => {
    const { peer, tries } = await start(t);
    const { limits, features } = t.welcome;
    const faults: (() => void)[] = [
      () => peer.sendText('{'),
      () => peer.sendText('{"type":7}'),
      () => peer.sendText('{"type":"no_such_type"}'),
      () => peer.send('chat', { text: '' }, { room: 'room-of-ann' }),
      () => peer.send('chat', { text: 7 }, { room: 'room-of-ann' }),
      ...(features.includes('direct') ? [] : [() => peer.send('direct', {})]),
    ];
    const most = Math.min(
      limits.max_protocol_errors - 1,
      Math.max(tries.rate.limit, faults.length),
    );
    for (let i = 0; i < most; i += 1) {
      faults[i % faults.length]?.();
      await peer.receives('error');
    }
    await tries.burst(tries.rate.limit);
    tries.judge({
      lastIs: 'admitted',
      hint: 'Malformed messages are counted: ask the limiter after the message was judged.',
    });
  }),

  ...(['not_in_room', 'forbidden'] as const).map((code) =>
    check(
      'rates-denied-counted',
      async (t) => {
        const claims = code === 'forbidden' ? { rooms: [t.room('room-of-ann')] } : {};
        const peer = await t.connect('ann', { claims });
        await peer.joins('room-of-ann');
        const rate = messagesRate(t);
        const denied = new Attempts(
          t,
          rate,
          () => peer.request('chat', { text: 'x' }, { room: 'elsewhere' }),
          code,
        );
        await denied.burst(rate.limit);
        denied.judge();
        const tries = denied.goOn(() =>
          peer.request('chat', { text: 'x' }, { room: 'room-of-ann' }),
        );
        await tries.burst(1);
        const guess =
          'Ask the limiter before membership and authorization, or rooms can be guessed without a bound.';
        tries.judge({ lastIs: 'refused', hint: await why(t, tries, guess) });
      },
      { variant: code },
    ),
  ),

  check(
    'rates-retry-after-enough',
    async (t) => {
      const { tries } = await start(t);
      const { limit, window_ms } = tries.rate;
      await tries.burst(limit);
      await t.pause(window_ms / 3);
      await tries.burst(1);
      const wait = Number(tries.refusal()['retry_after_ms']);
      await t.pause(wait + 1);
      await tries.burst(1);
      t.assert(tries.last.admitted, {
        expected: `a message sent ${wait} ms after the refusal, as its retry_after_ms says, is admitted`,
        actual: 'it is refused',
        hint: 'retry_after_ms is the time until the oldest admitted message is window_ms old, rounded up.',
      });
    },
    windows(1.1),
  ),

  check(
    'rates-retry-after-tight',
    async (t) => {
      const { tries } = await start(t);
      const { limit, window_ms } = tries.rate;
      let wait = Number.NaN;
      const early = async () => {
        // The oldest is well within its window by then, and the newest is not: the wait is that of the oldest.
        await tries.burst(Math.ceil(limit / 2));
        await t.pause(window_ms * 0.6);
        await tries.burst(Math.floor(limit / 2));
        await tries.burst(1);
        const refused = tries.last;
        wait = Number(tries.refusal()['retry_after_ms']);
        // All that was admitted has left the window by then, however long the wait is said to be.
        const gone = performance.now() - refused.sent;
        await t.pause(Math.max(0, Math.min(wait * 0.45, window_ms * 1.1) - gone));
        await tries.burst(1);
        return tries.last.replied <= refused.sent + wait * 0.8;
      };
      for (let round = 1; !(await early()); round += 1) {
        if (round === 3) t.inconclusive('the probe came after 80 % of retry_after_ms');
        await t.pause(window_ms * 1.1);
      }
      t.assert(!tries.last.admitted, {
        expected: `a message that arrives before 80 % of retry_after_ms (${wait} ms) is refused`,
        actual: 'it is admitted',
        hint: 'retry_after_ms is longer than it has to be, or the algorithm is another: a client would wait for nothing.',
      });
    },
    windows(1),
  ),

  check('rates-buckets-apart', async (t) => {
    const { peer, tries } = await start(t);
    await tries.burst(tries.rate.limit + 1);
    await peer.pings();
    await peer.leaves('room-of-ann');
  }),

  check('rates-user-scope-shared', async (t) => {
    const rate = messagesRate(t);
    if (rate.scope !== 'user')
      return t.notExercised(`the bucket ${rate.bucket} is of scope ${rate.scope}`);
    const { tries } = await start(t);
    await tries.burst(rate.limit);
    const second = await t.connect('ann');
    await second.joins('room-of-ann');
    const more = tries.goOn(() => second.request('chat', { text: 'x' }, { room: 'room-of-ann' }));
    await more.burst(1);
    const guess = "The limiter's key is the connection; it has to be the verified user.";
    more.judge({ lastIs: 'refused', hint: await why(t, more, guess) });
  }),

  check(
    'rates-user-scope-shared',
    async (t) => {
      const rate = messagesRate(t);
      if (rate.scope !== 'user')
        return t.notExercised(`the bucket ${rate.bucket} is of scope ${rate.scope}`);
      const { peer, tries } = await start(t);
      const second = await t.connect('ann');
      await tries.burst(rate.limit);
      second.close(1000);
      await second.ends();
      // The server learns of the end in its own time; a round trip gives it some.
      await peer.echoesPing();
      await tries.burst(1);
      const guess = "The log goes with any of the user's connections; it has to outlive the last.";
      tries.judge({ lastIs: 'refused', hint: await why(t, tries, guess) });
    },
    { variant: 'one-closes' },
  ),

  check('rates-user-scope-survives-reconnect', async (t) => {
    const rate = messagesRate(t);
    if (rate.scope !== 'user')
      return t.notExercised(`the bucket ${rate.bucket} is of scope ${rate.scope}`);
    const { peer, tries } = await start(t);
    await tries.burst(rate.limit);
    peer.close(1000);
    await peer.ends();
    const again = await t.connect('ann');
    await again.joins('room-of-ann');
    const more = tries.goOn(() => again.request('chat', { text: 'x' }, { room: 'room-of-ann' }));
    await more.burst(1);
    const guess = "The log goes with the connection; it has to outlive the user's last one.";
    more.judge({ lastIs: 'refused', hint: await why(t, more, guess) });
  }),

  check('rates-users-apart', async (t) => {
    const { tries } = await start(t);
    const other = await start(t, 'bob');
    await tries.burst(tries.rate.limit);
    await other.tries.burst(1);
    other.tries.judge({ lastIs: 'admitted' });
  }),

  check('rates-connection-scope-apart', async (t) => {
    const rate = scope(t, 'connection');
    const first = await t.connect('ann');
    const second = await t.connect('ann');
    await exhaust(t, first, rate);
    (await exhaust(t, second, rate)).judge({ lastIs: 'admitted' });
  }),

  check(
    'rates-close-after-reached',
    async (t) => {
      const ann = await t.connect('ann');
      await ann.joins('lounge');
      const { limit, close_after } = announced(ann.welcome.data['rates'] as Rate[]);
      if (close_after === 0)
        return t.notExercised('the instance does not announce the close_after that it was given');
      for (let i = 0; i < limit + close_after; i += 1)
        ann.send('chat', { text: 'x' }, { room: 'lounge' });
      await ann.closes(4101, /^rate_limited(;|$)/);
    },
    strict,
  ),

  check(
    'rates-close-after-not-before',
    async (t) => {
      const ann = await t.connect('ann');
      await ann.joins('lounge');
      const { limit, close_after } = announced(ann.welcome.data['rates'] as Rate[]);
      if (close_after === 0)
        return t.notExercised('the instance does not announce the close_after that it was given');
      for (let i = 0; i < limit + close_after - 1; i += 1)
        ann.send('chat', { text: 'x' }, { room: 'lounge' });
      await ann.staysOpen();
      t.assert(ann.received('error').length < close_after, {
        expected: `fewer than ${close_after} refusals`,
        actual: `there are ${ann.received('error').length}: the burst was not admitted`,
      });
    },
    strict,
  ),

  check('rates-close-after-zero', async (t) => {
    const { peer, tries } = await start(t);
    if (tries.rate.close_after !== 0)
      return t.notExercised(`close_after is ${tries.rate.close_after}`);
    await tries.burst(tries.rate.limit + 40);
    await peer.staysOpen();
  }),
];
