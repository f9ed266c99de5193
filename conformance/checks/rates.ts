import { check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Rate } from '#conformance/harness/welcome.js';
import { Attempts, inWindow, MOST, unfillable } from './attempts.js';
import { NOT_THE_LOG, start, why, windows } from './rates.bursts.js';
import { closing } from './rates.closing.js';
import { control } from './rates.control.js';
import { counting } from './rates.counting.js';
import { scopes } from './rates.scopes.js';
import { slides } from './rates.windows.js';

// Requests that a member may repeat without an end, with their data.
const requests: Readonly<Record<string, object>> = {
  members: {},
  join: {},
  typing: { active: true },
  chat: { text: 'x' },
  ping: {},
};

function isRateLimited(reply: Message): boolean {
  return reply.type === 'error' && reply.data.code === 'rate_limited';
}

const SILENT = 'What is refused is answered with an error, whether it asked for an ack or not.';

/** The checks of spec/rates.md. */
export const rates = [
  ...slides,
  ...scopes,
  ...control,

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
      const rate = t.welcome.rates.find((each) => !unfillable(each) && kinds(each).length > 1);
      if (!rate)
        return t.notExercised('no bucket that can be filled counts several of the types it sends');
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
      tries.judge({ lastIs: 'refused', hint: await why(t, tries, hint) });
    },
    { variant: 'several-types' },
  ),

  check(
    'rates-over-refused',
    async (t) => {
      const { peer, tries } = await start(t);
      const told = () =>
        peer
          .received('error')
          .find(({ ref, data }) => ref === undefined && data.code === 'rate_limited');
      await inWindow(t, peer, tries.rate, async () => {
        await tries.burst(tries.rate.limit);
        peer.send('chat', { text: 'without an id' }, { room: 'room-of-ann' });
        const wanted = {
          expected: 'rate_limited, without `ref`, for a chat without `id` over the rate',
          actual: 'it did not come',
        };
        if (!(await t.finds(() => peer.until(told, () => wanted)))) return;
        // A limit that does not hold is another fault.
        const { tries: others } = await start(t, 'bob');
        await others.burst(tries.rate.limit + 1);
        const hint = (await why(t, others, SILENT, 'bob')) ?? SILENT;
        t.fail({ ...wanted, hint });
      });
    },
    { variant: 'without-id' },
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

  ...counting,
  ...closing,
];
