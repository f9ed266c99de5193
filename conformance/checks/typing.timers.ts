import { check } from '#conformance/harness/check.js';
import { endSeen, off, on, ttl } from './typing.js';

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
      const life = ttl(t.welcome);
      const started = performance.now();
      await ann.typing('lounge');
      await t.seen(bob.receives('typing', on), 'the first typing did not come');
      await t.pause(life * 0.4);
      await ann.typing('lounge', false);
      await t.seen(bob.receives('typing', off), 'the end of the first typing did not come');
      if (performance.now() > started + life * 0.95)
        t.inconclusive('the machine was too slow: the first typing may have ended by its time');
      const again = performance.now();
      await ann.typing('lounge');
      await t.seen(bob.receives('typing', on), 'the second typing did not come');
      await t.seen(bob.receives('typing', off, life), 'the end of the second typing did not come');
      const ended = bob.log.findLast(({ message }) => message.type === 'typing')?.at ?? 0;
      t.assert(ended - again >= life - 20, {
        expected: `\`active: false\` comes no earlier than typing_ttl_ms = ${life} after the \`active: true\` that began the typing`,
        actual: `it came ${Math.round(ended - again)} ms after it`,
        hint: 'Stop the timer where typing ends before its time: it would end the next typing.',
      });
    },
    { variant: 'begun-again', timers: true, takes: (welcome) => ttl(welcome) * 1.5 },
  ),
];
