import { check } from '#conformance/harness/check.js';
import type { Welcome } from '#conformance/harness/welcome.js';
import { messagesRate } from './attempts.js';
import { CLOSE_WITHIN_MS, SHORT_S, shortLived, soon, untilEnd } from './authentication.lifetime.js';
import { breaksFraming, errsTooOften, isEnded, type Provoke, sendsTooMuch } from './endings.js';
import { ofFlood } from './floods.js';
import { active, returnsTo, settled, total } from './operations.numbers.js';
import { showsAcked } from './pictures.js';
import { ASKED } from './ways.js';

// What a server ends a connection for, at once.
const thrownOut: readonly [label: string, Provoke][] = [
  ['garbler', breaksFraming],
  ['windbag', sendsTooMuch],
  ['stammerer', errsTooOften],
];

// When a silent connection has surely ended, in milliseconds.
const heartbeatMs = ({ heartbeat }: Welcome): number =>
  2 * (heartbeat.interval_ms + heartbeat.timeout_ms);

/** The checks of spec/operations.md of what is counted. */
export const counts = [
  check(
    'operations-active-counts-welcomed',
    async (t) => {
      const before = await settled(t);
      await t.connect('ann');
      // Two at once, as they come after a restart.
      await Promise.all([t.connect('ann'), t.connect('bob')]);
      t.equal(
        await active(t),
        before + 3,
        'active_connections after three connections, two of them of one user and two at once,',
      );
    },
    { alone: 'last' },
  ),

  check(
    'operations-active-counts-welcomed',
    async (t) => {
      const before = await settled(t);
      await t.connect('ann');
      const bob = await t.connect('bob');
      await breaksFraming(t, bob);
      await isEnded(t, bob);
      await returnsTo(t, before + 1, 'a frame for which the server fails one of two connections');
      // What is taken off twice may be taken off a moment later.
      t.equal(
        await settled(t),
        before + 1,
        'active_connections a moment after one of two connections was failed',
      );
    },
    { alone: 'apart', variant: 'after-violation' },
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
      if (!t.announces('auth_message')) return;
      await t.open({ label: 'silent', query: ASKED });
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
    'operations-active-drops-closed',
    async (t) => {
      const before = await settled(t);
      for (const [label, provoke] of thrownOut) {
        const peer = await t.connect(label);
        await provoke(t, peer);
        const { detail } = await isEnded(t, peer);
        await returnsTo(t, before, `the server's end of a connection (${detail})`);
      }
    },
    { alone: 'apart', variant: 'by-server' },
  ),

  check(
    'operations-active-drops-closed',
    async (t) => {
      const before = await settled(t);
      const exp = soon(SHORT_S);
      const expiring = await shortLived(t, 'expiring', exp);
      const silent = await t.connect('silent', { autoPong: false });
      const { detail: first } = await isEnded(t, silent, heartbeatMs(t.welcome));
      const { detail: second } = await isEnded(t, expiring, untilEnd(t, exp) + CLOSE_WITHIN_MS);
      await returnsTo(t, before, `the server's end of two connections (${first}; ${second})`);
    },
    {
      alone: 'apart',
      variant: 'by-time',
      timers: true,
      takes: (welcome) => Math.max(SHORT_S * 1_000, heartbeatMs(welcome) / 2),
    },
  ),

  ofFlood('operations-active-drops-closed', 'rushed', 'rate'),
  ofFlood('operations-active-drops-closed', 'counted', 'slow-consumer'),

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
      const [ann, bob, cid] = await t.join('lounge', 'ann', 'bob', 'cid');
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
      const words = ['at', 'the', 'same', 'time'].slice(0, Math.max(0, t.limitOf('chat') - 2));
      await Promise.all(
        [ann, bob, cid].flatMap((peer) => words.map((word) => peer.chat('lounge', word))),
      );
      const { length: many } = [ann, bob, cid].flatMap(() => words);
      t.equal(
        await total(t),
        before + 2 + many,
        `total_messages after ${many} chats of three users at once`,
      );
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
        ...(features.includes('binary') ? (['binary'] as const) : []),
      ];
      if (others.length === 0)
        t.notExercised('the target announces neither direct nor broadcast nor binary');
      await ann.joins('lounge');
      const before = await total(t);
      for (const type of others) {
        const data = type === 'direct' ? { to: ann.user, text: 'x' } : { text: 'x' };
        if (type === 'binary') await showsAcked(t, ann);
        else await ann.acked(type, data);
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
      const { limit } = messagesRate(t);
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
      t.needs('resume');
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
