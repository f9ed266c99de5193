import { check } from '#conformance/harness/check.js';
import type { Stage } from '#conformance/harness/stage.js';
import { active, settled, total } from './operations.numbers.js';

// Asks until the number of connections is back to what it was.
async function returnsTo(t: Stage, wanted: number, after: string): Promise<void> {
  let last = Number.NaN;
  let over = false;
  const poll = async () => {
    while (!over) {
      last = await active(t);
      if (last === wanted) return;
      await t.pause(50);
    }
  };
  const explanation = {
    expected: `active_connections is back to ${wanted} within 1 s after ${after}`,
    get actual() {
      return `it stays at ${last}`;
    },
    hint: 'Count in one place, when a connection has ended, however it ended.',
  };
  await t.within(poll(), explanation).finally(() => {
    over = true;
  });
}

/** The checks of spec/operations.md of what is counted. */
export const counts = [
  check(
    'operations-active-counts-welcomed',
    async (t) => {
      const before = await settled(t);
      await t.connect('ann');
      await t.connect('ann');
      await t.connect('bob');
      t.equal(
        await active(t),
        before + 3,
        'active_connections after three connections, two of them of one user,',
      );
    },
    { alone: 'last' },
  ),

  check(
    'operations-active-excludes-unwelcomed',
    async (t) => {
      const before = await settled(t);
      const refused = await t.open({ label: 'nobody' });
      await refused.ends();
      const forged = await t.open({ label: 'forger', token: 'not.a.token' });
      await forged.ends();
      t.equal(await active(t), before, 'active_connections after two refused connections');
      if (!t.welcome.features.includes('auth_message')) return;
      await t.open({ label: 'silent', query: [['auth', 'message']] });
      t.equal(
        await active(t),
        before,
        'active_connections while a connection has yet to authenticate',
      );
    },
    { alone: 'apart' },
  ),

  check(
    'operations-active-drops-closed',
    async (t) => {
      const before = await settled(t);
      const ann = await t.connect('ann');
      const bob = await t.connect('bob');
      t.equal(await active(t), before + 2, 'active_connections before both are closed');
      ann.close(1000);
      bob.close(3000, 'done');
      await ann.ends();
      await bob.ends();
      await returnsTo(t, before, 'the closing handshakes');
    },
    { alone: 'apart' },
  ),

  check(
    'operations-active-drops-lost',
    async (t) => {
      const before = await settled(t);
      const ann = await t.connect('ann');
      const bob = await t.connect('bob');
      ann.terminate();
      bob.end();
      await returnsTo(t, before, 'a TCP reset and a TCP end without a Close frame');
    },
    { alone: 'apart' },
  ),

  check(
    'operations-messages-count-accepted',
    async (t) => {
      const [ann, bob] = await t.join('lounge', 'ann', 'bob', 'cid');
      const before = await total(t);
      await ann?.chat('lounge', 'counted before its ack');
      t.equal(
        await total(t),
        before + 1,
        'total_messages after the ack of one chat to a room of three',
      );
      ann?.send('chat', { text: 'without an id' }, { room: 'lounge' });
      await bob?.receives('chat', { data: { text: 'without an id' } });
      t.equal(await total(t), before + 2, 'total_messages after a chat without an id');
    },
    { alone: 'apart' },
  ),

  check(
    'operations-messages-count-accepted',
    async (t) => {
      const { features } = t.welcome;
      const ann = await t.connect('ann', { claims: { scope: 'parlor:broadcast' } });
      const others = [
        ...(features.includes('direct') ? (['direct'] as const) : []),
        ...(features.includes('broadcast') ? (['broadcast'] as const) : []),
      ];
      if (others.length === 0) t.notExercised('the target announces neither direct nor broadcast');
      const before = await total(t);
      for (const type of others) {
        const data = type === 'direct' ? { to: ann.user, text: 'x' } : { text: 'x' };
        await ann.acked(type, data);
      }
      t.equal(
        await total(t),
        before + others.length,
        `total_messages after one each of ${others.join(' and ')}`,
      );
    },
    { alone: 'apart', variant: 'other-types' },
  ),

  check(
    'operations-messages-exclude-refused',
    async (t) => {
      const { limit } = t.rate('messages');
      const [ann] = await t.join('lounge', 'ann');
      if (!ann) return;
      const before = await total(t);
      ann.sendText('{');
      await ann.errs('invalid_json');
      await ann.refuses('invalid_payload', () =>
        ann.request('chat', { text: '' }, { room: 'lounge' }),
      );
      await ann.refuses('not_in_room', () =>
        ann.request('chat', { text: 'x' }, { room: 'elsewhere' }),
      );
      // The one that was refused for its room has used quota: the rest of it, and one more.
      const replies = [];
      for (let i = 0; i < limit; i += 1)
        replies.push(await ann.request('chat', { text: 'x' }, { room: 'lounge' }));
      const accepted = replies.filter(({ type }) => type === 'ack').length;
      t.equal(
        await total(t),
        before + accepted,
        `total_messages after ${accepted} accepted and ${3 + limit - accepted} refused messages`,
      );
    },
    { alone: 'apart' },
  ),

  check(
    'operations-messages-exclude-control',
    async (t) => {
      const before = await total(t);
      const [ann] = await t.join('lounge', 'ann');
      await ann?.members('lounge');
      await ann?.typing('lounge');
      await ann?.pings();
      await ann?.leaves('lounge');
      t.equal(await total(t), before, 'total_messages after join, members, typing, ping and leave');
    },
    { alone: 'apart' },
  ),

  check(
    'operations-messages-exclude-duplicates',
    async (t) => {
      if (!t.welcome.features.includes('resume'))
        t.notExercised('the target does not announce resume');
      const [ann] = await t.join('lounge', 'ann');
      const before = await total(t);
      await ann?.chat('lounge', 'once', { id: 'same' });
      const again = await ann?.chat('lounge', 'once', { id: 'same' });
      t.equal(again?.data.duplicate, true, '`duplicate` in the second ack');
      t.equal(await total(t), before + 1, 'total_messages after a chat and its repetition');
    },
    { alone: 'apart' },
  ),
];
