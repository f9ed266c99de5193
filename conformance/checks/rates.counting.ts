import { check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { bucketOf } from '#conformance/harness/welcome.js';
import { Attempts, messagesRate, unfillable } from './attempts.js';
import { shows } from './pictures.js';
import { start, why } from './rates.bursts.js';
import { strict } from './servers.js';

/** What is refused, and counts all the same. */
interface Denied {
  code: string;
  /** Of which type it is: the profile of that name has to be announced. */
  type: 'chat' | 'broadcast' | 'direct';
  ask: (t: Stage, peer: Peer) => Promise<Message>;
  /** Whether the token allows one room only. */
  walled?: true;
  hint: string;
}

const elsewhere: Pick<Denied, 'type' | 'ask' | 'hint'> = {
  type: 'chat',
  ask: (_, peer) => peer.request('chat', { text: 'x' }, { room: 'elsewhere' }),
  hint: 'Ask the limiter before membership and authorization, or rooms can be guessed without a bound.',
};

const denials: Readonly<Record<string, Denied>> = {
  not_in_room: { ...elsewhere, code: 'not_in_room' },
  forbidden: { ...elsewhere, code: 'forbidden', walled: true },
  broadcast: {
    code: 'forbidden',
    type: 'broadcast',
    ask: (_, peer) => peer.request('broadcast', { text: 'x' }),
    hint: 'Ask the limiter before the scope is looked at: a broadcast that is forbidden counts.',
  },
  direct: {
    code: 'recipient_unavailable',
    type: 'direct',
    ask: (t, peer) => peer.request('direct', { to: t.user('nobody'), text: 'x' }),
    hint: 'Ask the limiter before the recipient is looked up, or users can be guessed without a bound.',
  },
};

const PLENTY = 'too_many_rooms';

// What is said or asked from outside a room, beside chats.
const OUTSIDE: Readonly<Record<string, (t: Stage, peer: Peer) => Promise<Message>>> = {
  typing: (_, peer) => peer.request('typing', { active: true }, { room: 'elsewhere' }),
  members: (_, peer) => peer.request('members', {}, { room: 'elsewhere' }),
  binary: (t, peer) => shows(t, peer, { room: 'elsewhere' }),
};

/** The checks of spec/rates.md of what counts though it was refused, and what does not. */
export const counting = [
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

  check(
    'rates-malformed-not-counted',
    async (t) => {
      t.needs('binary');
      const { peer, tries } = await start(t);
      const most = Math.min(t.welcome.limits.max_protocol_errors - 1, 4);
      if (most < 1) return t.notExercised('the first protocol error ends the connection');
      for (let i = 0; i < most; i += 1)
        if (i % 2 === 0) await shows(t, peer, { room: 'room-of-ann', data: { name: '' } });
        else {
          peer.sendBytes(Buffer.from([2, 0, 0]));
          await peer.receives('error');
        }
      await tries.burst(tries.rate.limit);
      tries.judge({
        lastIs: 'admitted',
        hint: 'Binary messages are counted that are malformed: ask the limiter once the header was read and judged.',
      });
    },
    { variant: 'binary' },
  ),

  ...Object.entries(denials).map(([variant, { code, type, ask, walled, hint }]) =>
    check(
      'rates-denied-counted',
      async (t) => {
        const rate = messagesRate(t);
        if (!rate.types.includes(type))
          return t.notExercised(`the bucket ${rate.bucket} does not count ${type}`);
        const claims = walled ? { rooms: [t.room('room-of-ann')] } : {};
        const peer = await t.connect('ann', { claims });
        await peer.joins('room-of-ann');
        const denied = new Attempts(t, rate, () => ask(t, peer), code);
        await denied.burst(rate.limit);
        denied.judge();
        const tries = denied.goOn(() =>
          peer.request('chat', { text: 'x' }, { room: 'room-of-ann' }),
        );
        await tries.burst(1);
        tries.judge({ lastIs: 'refused', hint: await why(t, tries, hint) });
      },
      // A server that forgets to look at the scope tells everybody.
      type === 'broadcast' ? { variant, alone: 'apart' } : { variant },
    ),
  ),

  check(
    'rates-denied-counted',
    async (t) => {
      const rate = bucketOf(t.welcome, 'join');
      const reason = rate ? unfillable(rate) : 'no bucket counts join';
      if (!rate || reason !== undefined) return t.notExercised(reason ?? '');
      const { max_rooms } = t.welcome.limits;
      if (rate.limit <= max_rooms)
        return t.notExercised(`${max_rooms} rooms cannot be joined within the announced rate`);
      const ann = await t.connect('ann');
      let asked = 0;
      const tries = new Attempts(
        t,
        rate,
        () => {
          asked += 1;
          return ann.request('join', {}, { room: `room-${asked}` });
        },
        PLENTY,
      );
      await tries.burst(rate.limit + 1);
      const guess =
        'Ask the limiter before the number of rooms: a join that is answered with too_many_rooms counts.';
      tries.judge({ lastIs: 'refused', hint: await why(t, tries, guess) });
    },
    { variant: PLENTY },
  ),

  check(
    'rates-burst-admitted',
    async (t) => {
      t.needs('resume');
      const { peer, tries: said } = await start(t);
      const { epoch } = (await peer.joins('room-of-ann')).data;
      await said.burst(said.rate.limit);
      const bob = await t.connect('bob');
      const since = { epoch, seq: 0 };
      const { replayed } = (await bob.joins('room-of-ann', { since })).data;
      if (!replayed) t.notExercised('nothing is replayed of what fills a bucket');
      const tries = new Attempts(t, said.rate, () =>
        bob.request('chat', { text: 'x' }, { room: 'room-of-ann' }),
      );
      await tries.burst(said.rate.limit);
      tries.judge({
        lastIs: 'admitted',
        hint: 'Count what a client sends, and nothing that is sent to it, be it live or a replay.',
      });
    },
    { variant: 'after-replay' },
  ),

  // Each by a connection that is in no room, and in whichever bucket it counts.
  check(
    'rates-denied-counted',
    async (t) => {
      const { rates, features } = (await t.connect('ann')).announced;
      const some = rates.flatMap((rate) =>
        unfillable(rate) === undefined && rate.close_after !== 1
          ? Object.entries(OUTSIDE).flatMap(([type, ask]) =>
              rate.types.includes(type) && (type !== 'binary' || features.includes(type))
                ? [{ rate, type, ask }]
                : [],
            )
          : [],
      );
      if (some.length === 0) return t.notExercised('no bucket can be filled from outside a room');
      await Promise.all(
        some.map(async ({ rate, type, ask }) => {
          const peer = await t.connect(`outside-${type}`);
          const tries = new Attempts(t, rate, () => ask(t, peer), 'not_in_room');
          await tries.burst(rate.limit + 1);
          const guess = `Ask the limiter before membership: a \`${type}\` that is answered with not_in_room counts in ${rate.bucket}.`;
          tries.judge({ lastIs: 'refused', hint: await why(t, tries, guess, type) });
        }),
      );
    },
    { ...strict, variant: 'each-type' },
  ),
];
