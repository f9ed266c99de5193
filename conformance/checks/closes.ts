import { check } from '#conformance/harness/check.js';
import type { RuleId } from '#conformance/harness/requirements.js';
import type { Stage } from '#conformance/harness/stage.js';
import { messagesRate } from './attempts.js';
import { errsTooOften, isEnded } from './endings.js';
import { oneTooMany, opened, refusals, welcomed } from './openings.js';
import { CLOSE_AFTER, strict } from './servers.js';
import { drainedBy, retold } from './shutdown.drain.js';
import { ASKED } from './ways.js';

const RETRY_AFTER = /;retry_after_ms=\d+$/;

// Closes of many kinds: the harness holds every Close frame to the registry.
async function provoke(t: Stage): Promise<void> {
  const peers = [
    await oneTooMany(t, 'ann'),
    await opened(t, { token: t.mint('bob'), subprotocols: ['parlor.unsupported'] }),
  ];
  for (const { options } of refusals(t)) peers.push(await opened(t, options));
  if (t.announces('auth_message')) {
    const first = await opened(t, { query: ASKED });
    first.sendText('nonsense');
    peers.push(first);
  }
  if (t.announces('auth_refresh')) {
    const cat = await t.connect('cat');
    cat.send('auth', { token: t.mint('dan') });
    peers.push(cat);
  }
  for (const peer of peers) await peer.ends();
}

const provoking = (rule: RuleId) => check(rule, provoke);

/** The checks of spec/closes.md. */
export const closes = [
  provoking('closes-code-registered'),
  provoking('closes-reason-registered'),
  provoking('closes-reason-grammar'),

  check(
    'closes-code-registered',
    async (t) => {
      const ann = await t.connect('ann');
      const most = t.welcome.limits.max_protocol_errors;
      if (most > 1_000) t.notExercised(`a connection may make ${most} protocol errors`);
      for (let count = 0; count <= most; count += 1) ann.sendText('{');
      await ann.ends();
    },
    { variant: 'protocol-errors' },
  ),

  check(
    'errors-budget-spent',
    async (t) => {
      const [ann, bob] = await t.join('lounge', 'ann', 'bob');
      ann.autoClose = false;
      await errsTooOften(t, ann);
      const { code } = await isEnded(t, ann);
      if (code !== 4000) t.notExercised('the server does not close with 4000');
      ann.send('join', undefined, { room: 'lounge' });
      ann.send('chat', { text: 'behind' }, { room: 'lounge' });
      if (t.announces('direct')) ann.send('direct', { to: bob.user, text: 'behind' });
      ann.close(1000);
      await t.seen(ann.tcpEnds(), 'the server does not end TCP after the Close frames');
      await bob.fencedBy(bob, 'lounge');
      const heard = bob.received(
        '*',
        ({ from, data }) => from === ann.user || data.user === ann.user,
      );
      const after = heard.filter(({ type }) => type !== 'leave');
      t.assert(after.length === 0, {
        expected:
          'nothing of what a client sends after the server has closed with 4000 is carried out',
        actual: `${bob.label} received: ${after.map(({ type }) => type).join(', ')}`,
        hint: 'Leave the loop that reads when the connection is closed: a library may hand over what still comes.',
      });
    },
    { variant: 'after-the-close', ...strict },
  ),

  check(
    'closes-retry-after',
    async (t) => {
      const ann = await t.connect('ann');
      await ann.joins('lounge');
      const bucket = messagesRate(t);
      for (let count = 0; count < bucket.limit + CLOSE_AFTER; count += 1)
        ann.send('chat', { text: 'again' }, { room: 'lounge' });
      const { code } = await isEnded(t, ann);
      if (code !== 4101) t.notExercised('the server does not read PARLOR_MESSAGES_CLOSE_AFTER');
    },
    {
      variant: 'rate',
      ...strict,
    },
  ),

  check(
    'closes-retry-after',
    async (t) => {
      const drain = await drainedBy(t, 'SIGTERM');
      retold(t, drain);
      const restarts = drain.clients.filter(({ close }) => close?.code === 1012);
      if (restarts.length === 0) t.notExercised('the server goes away with another code');
      for (const { label, close } of restarts)
        t.assert(RETRY_AFTER.test(close?.reason ?? ''), {
          expected: 'a reason with 1012 such as server_restart;retry_after_ms=8000',
          actual: `${label}: ${close?.detail}`,
        });
    },
    { variant: 'restart', needs: ['start'], timers: true },
  ),

  check('closes-any-client-code', async (t) => {
    const [bob] = await t.join('lounge', 'bob');
    for (const code of [3000, 3999, 4000, 4001, 4004, 4006, 4201, 4999]) {
      const [ann] = await t.join('lounge', 'ann');
      ann.close(code, 'as I like');
      await bob.receives('leave', {
        room: 'lounge',
        data: { user: ann.user, reason: 'disconnected' },
      });
      t.equal(
        (await bob.members('lounge')).data.members,
        [bob.user],
        'the members after the close',
      );
      await ann.tcpEnds();
      const again = await welcomed(t, { token: t.mint('ann') }, 'ann');
      again.close();
      await again.tcpEnds();
    }
  }),
];
