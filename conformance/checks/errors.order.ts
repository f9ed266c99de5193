import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { bucketOf } from '#conformance/harness/welcome.js';
import { inWindow, messagesRate, unfillable } from './attempts.js';
import { answered, unsupported } from './errors.answers.js';
import { shows } from './pictures.js';

// Bytes that leave room for the rest of a request head of 8,192.
const LONGEST_TOKEN = 7_000;

// Fills the messages bucket of a member.
async function exhaust(t: Stage, ann: Peer | undefined): Promise<void> {
  const { limit } = messagesRate(t);
  const asks = Array.from({ length: limit }, () => ann?.chat('lounge', 'x'));
  await Promise.all(asks);
}

/** The checks of spec/errors.md of which error comes first. */
export const order = [
  check('errors-envelope-before-type', (t) =>
    answered(
      t,
      ['{"type":"no_such_type","id":7}', '{"type":"no_such_type","data":[]}'],
      'invalid_envelope',
    ),
  ),

  ...unsupported('errors-unsupported-before-payload', { direct: {}, broadcast: {}, auth: {} }),

  check('errors-payload-before-rate', async (t) => {
    const [ann] = await t.join('lounge', 'ann');
    await exhaust(t, ann);
    await ann?.refuses('invalid_payload', () => ann.request('chat', {}, { room: 'lounge' }));
  }),

  check('errors-payload-before-membership', async ({ connect }) => {
    const ann = await connect('ann');
    await ann.refuses('invalid_payload', () =>
      ann.request('chat', { text: '' }, { room: 'lounge' }),
    );
    await ann.refuses('invalid_payload', () => ann.request('typing', {}, { room: 'lounge' }));
  }),

  check('errors-rate-before-membership', async (t) => {
    const [ann] = await t.join('lounge', 'ann');
    await inWindow(t, ann, messagesRate(t), async () => {
      await exhaust(t, ann);
      await ann.refuses('rate_limited', () =>
        ann.request('chat', { text: 'x' }, { room: 'elsewhere' }),
      );
    });
  }),

  check('errors-rate-before-forbidden', async (t) => {
    const ann = await t.connect('ann', { claims: { rooms: [t.room('lounge')] } });
    const rate = bucketOf(t.welcome, 'join');
    const reason = rate ? unfillable(rate) : 'no bucket counts join';
    if (!rate || reason !== undefined) return t.notExercised(reason ?? '');
    const other = rate.types.includes('ping') ? 'ping' : 'join';
    await inWindow(t, ann, rate, async () => {
      const asks = Array.from({ length: rate.limit }, () =>
        ann.request(other, {}, other === 'ping' ? {} : { room: 'lounge' }),
      );
      await Promise.all(asks);
      await ann.refuses('rate_limited', () => ann.request('join', {}, { room: 'elsewhere' }));
    });
  }),

  check('errors-forbidden-before-room-limit', async (t) => {
    const { max_rooms } = t.welcome.limits;
    if (t.limitOf('join') < max_rooms + 1)
      return t.notExercised(`${max_rooms} rooms cannot be joined within the announced rate`);
    const rooms = Array.from({ length: max_rooms }, (_, i) => `room-${i}`);
    const token = t.mint('ann', { rooms: rooms.map(t.room) });
    if (token.length > LONGEST_TOKEN)
      return t.notExercised(`a token that names ${max_rooms} rooms is longer than servers take`);
    const ann = await t.connect('ann', { token });
    await Promise.all(rooms.map((room) => ann.joins(room)));
    await ann.refuses('forbidden', () => ann.request('join', {}, { room: 'elsewhere' }));
  }),

  ...Object.entries({ chat: { text: 'x' }, typing: { active: true }, members: {} }).map(
    ([type, data]) =>
      check(
        'errors-forbidden-before-membership',
        async ({ connect, room }) => {
          const ann = await connect('ann', { claims: { rooms: [room('lounge')] } });
          await ann.refuses('forbidden', () => ann.request(type, data, { room: 'elsewhere' }));
        },
        type === 'chat' ? {} : { variant: type },
      ),
  ),

  check(
    'errors-forbidden-before-membership',
    async (t) => {
      t.needs('binary');
      const ann = await t.connect('ann', { claims: { rooms: [t.room('lounge')] } });
      await ann.refuses('forbidden', () => shows(t, ann, { room: 'elsewhere' }));
    },
    { variant: 'binary' },
  ),
];
