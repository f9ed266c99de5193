import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { showsAcked } from './pictures.js';
import { endSeen, endsInTime, off, on, ttl } from './typing.js';

// The first typing of two, and a good part of its time. @returns when it began
async function begins(t: Stage, ann: Peer, bob: Peer): Promise<number> {
  const started = performance.now();
  await ann.typing('lounge');
  await t.seen(bob.receives('typing', on), 'the first typing did not come');
  await t.pause(ttl(t.welcome) * 0.4);
  return started;
}

// A second typing lasts as long as the first would have.
async function endsAgain(t: Stage, ann: Peer, bob: Peer, cure: string): Promise<void> {
  const again = performance.now();
  await ann.typing('lounge');
  await t.seen(bob.receives('typing', on), 'the second typing did not come');
  const end = bob.receives('typing', off, ttl(t.welcome));
  await t.seen(end, 'the end of the second typing did not come');
  const ended = bob.log.findLast(({ message }) => message.type === 'typing')?.at ?? 0;
  endsInTime(t, ended - again, `${cure}: it would end the next typing.`);
}

/** The checks of spec/typing.md that are about the end which typing has by its time. */
export const timers = [
  check(
    'typing-not-to-oneself',
    async (t) => {
      const [ann, bob] = await t.join('lounge', 'ann', 'bob');
      const tab = await t.connect('ann');
      await tab.joins('lounge');
      await ann.typing('lounge');
      await endSeen(t, bob, 'lounge');
      for (const [peer, what] of [
        [ann, 'that said it'],
        [tab, 'beside it'],
      ] as const) {
        await peer.fencedBy(bob, 'lounge');
        t.assert(peer.received('typing').length === 0, {
          expected: `no typing event reaches the user's own connection ${what}`,
          actual: `${peer.received('typing').length} came, of typing that ended by its time`,
          hint: 'Leave out the connections of the user here as well, where no connection has caused the event.',
        });
      }
    },
    { variant: 'expiry', timers: true, takes: ttl },
  ),

  check(
    'typing-not-ended-early',
    async (t) => {
      const [ann, bob] = await t.join('lounge', 'ann', 'bob');
      const phone = await t.connect('ann');
      await phone.joins('lounge');
      const started = performance.now();
      await ann.typing('lounge');
      await t.pause(ttl(t.welcome) * 0.5);
      const renewed = performance.now();
      await phone.typing('lounge');
      const surely = performance.now() < started + ttl(t.welcome) * 0.95;
      const { at } = await endSeen(t, bob, 'lounge');
      if (!surely)
        t.inconclusive('the machine was too slow: the typing may have ended before its renewal');
      endsInTime(
        t,
        at - renewed,
        "Keep one time for each user and room: a renewal by another of the user's connections counts.",
      );
    },
    { variant: 'two-connections', timers: true, takes: (welcome) => ttl(welcome) * 1.5 },
  ),

  check(
    'typing-not-ended-early',
    async (t) => {
      const [ann, bob, cid] = await t.join('lounge', 'ann', 'bob', 'cid');
      const started = performance.now();
      await ann.typing('lounge');
      for (const active of [true, false]) await cid.typing('lounge', active);
      await cid.chat('lounge', 'meanwhile');
      await cid.leaves('lounge');
      const { at } = await endSeen(t, bob, 'lounge', ann.user);
      endsInTime(
        t,
        at - started,
        'What one user does ends the typing of nobody else: keep it for each room and user.',
      );
    },
    { variant: 'others', timers: true, takes: ttl },
  ),

  check(
    'typing-not-ended-early',
    async (t) => {
      t.needs('binary');
      const [ann, bob] = await t.join('lounge', 'ann', 'bob');
      const started = performance.now();
      await ann.typing('lounge');
      await showsAcked(t, ann);
      const { at } = await endSeen(t, bob, 'lounge');
      endsInTime(
        t,
        at - started,
        'A chat ends the typing of its sender; a binary message does not.',
      );
    },
    { variant: 'binary', timers: true, takes: ttl },
  ),

  check(
    'typing-not-ended-early',
    async (t) => {
      const [ann, bob] = await t.join('lounge', 'ann', 'bob');
      const life = ttl(t.welcome);
      const started = await begins(t, ann, bob);
      await ann.chat('lounge', 'there it is');
      if (performance.now() > started + life * 0.8)
        t.inconclusive('the machine was too slow: the first typing may have ended by its time');
      await t.seen(bob.receives('typing', off, life), 'the end of the first typing did not come');
      // To end by a chat is a recommendation.
      if (performance.now() > started + life * 0.95)
        t.notExercised('a chat does not end the typing');
      await endsAgain(t, ann, bob, 'Stop the timer where a chat ends the typing');
    },
    { variant: 'begun-after-chat', timers: true, takes: (welcome) => ttl(welcome) * 1.5 },
  ),

  check(
    'typing-not-ended-early',
    async (t) => {
      const [ann, bob] = await t.join('lounge', 'ann', 'bob');
      const life = ttl(t.welcome);
      const started = await begins(t, ann, bob);
      await ann.typing('lounge', false);
      await t.seen(bob.receives('typing', off), 'the end of the first typing did not come');
      if (performance.now() > started + life * 0.95)
        t.inconclusive('the machine was too slow: the first typing may have ended by its time');
      await endsAgain(t, ann, bob, 'Stop the timer where typing ends before its time');
    },
    { variant: 'begun-again', timers: true, takes: (welcome) => ttl(welcome) * 1.5 },
  ),
];
