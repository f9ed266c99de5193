import { check } from '#conformance/harness/check.js';
import type { Received } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { Violation } from '#conformance/harness/verdict.js';
import type { Welcome } from '#conformance/harness/welcome.js';

/** How long typing lasts that is not renewed, in milliseconds. */
export const ttl = ({ typing_ttl_ms }: Welcome): number => typing_ttl_ms;

async function pair(t: Stage): Promise<[Peer, Peer]> {
  const [ann, bob] = await t.join('lounge', 'ann', 'bob');
  if (!ann || !bob) throw new Error('a join gives its peers');
  return [ann, bob];
}

/** Typing that begins or goes on. */
export const on = { data: { active: true } };
/** Typing that ends. */
export const off = { data: { active: false } };

// How an active typing of ann's has to end, seen by bob: by what she does, and not by its time.
async function endsBy(t: Stage, what: string, end: (ann: Peer) => unknown): Promise<void> {
  const [ann, bob] = await pair(t);
  const started = performance.now();
  await ann.typing('lounge');
  await bob.receives('typing', on);
  await end(ann);
  // On time is on time: nobody can tell the two ends apart.
  if (performance.now() - started > ttl(t.welcome))
    t.tooLate('the server was told of the end when typing_ttl_ms was over');
  await bob.receives('typing', off);
  if (performance.now() - started > 3 * ttl(t.welcome))
    t.inconclusive('the machine was too slow to tell this end from that of typing_ttl_ms');
  const ended = bob.log.findLast(({ message }) => message.type === 'typing')?.at ?? 0;
  t.assert(ended - started < ttl(t.welcome), {
    expected: `\`active: false\` comes with ${what}`,
    actual: `it came ${Math.round(ended - started)} ms after the start, when typing_ttl_ms = ${ttl(t.welcome)} was over`,
  });
}

/** The first end of a typing in a room, or of a user in it, by its time; a server need not send it. */
export function endSeen(t: Stage, peer: Peer, room: string, user?: string): Promise<Received> {
  const ends = ({ message: { type, room: named, data } }: Received) =>
    type === 'typing' &&
    named === t.room(room) &&
    data.active === false &&
    (user === undefined || data.user === user);
  const end = peer.until(
    () => peer.log.find(ends),
    () => ({ expected: 'typing ends by its time', actual: '' }),
    { extraMs: ttl(t.welcome) },
  );
  return t.seen(end, 'typing did not end by itself');
}

/** Holds a typing that ended by its time to have lasted long enough: so many milliseconds at most. */
export function endsInTime(
  t: Stage,
  ms: number,
  hint = 'A renewal has to start the time anew.',
): void {
  const life = ttl(t.welcome);
  t.assert(ms >= life - 20, {
    expected: `\`active: false\` comes no earlier than typing_ttl_ms = ${life} after the last \`active: true\``,
    actual: `it came ${Math.round(ms)} ms after it`,
    hint,
  });
}

const ENDS =
  'Set a timer for each room and user when typing begins. Two users typed at once here: with one timer for the room, the second takes it from the first.';

/** The checks of spec/typing.md. */
export const typing = [
  check('typing-relayed', async (t) => {
    const [ann, bob] = await pair(t);
    const tab = await t.connect('bob');
    await tab.joins('lounge');
    await ann.typing('lounge');
    await bob.receives('typing', on);
    await tab.receives('typing', on);
  }),

  check('typing-stop-relayed', (t) =>
    endsBy(t, 'the one that the user sent', (ann) => ann.typing('lounge', false)),
  ),

  check(
    'typing-stop-relayed',
    async (t) => {
      const [phone] = await t.join('lounge', 'ann');
      await endsBy(t, "the one that another of the user's connections sent", () =>
        phone.typing('lounge', false),
      );
    },
    { variant: 'other-connection' },
  ),

  // Whatever has ended the typing that went before.
  check(
    'typing-relayed',
    async (t) => {
      const [ann, bob] = await pair(t);
      await ann.typing('lounge');
      await bob.receives('typing', on);
      await ann.typing('lounge', false);
      await bob.receives('typing', off);
      await ann.typing('lounge');
      await bob.receives('typing', on);
      await ann.chat('lounge', 'there it is');
      await bob.fencedBy(ann, 'lounge');
      // To end by a chat is a recommendation.
      if (bob.received('typing', off).length < 2) return;
      await ann.typing('lounge');
      await bob.receives('typing', on);
    },
    { variant: 'again' },
  ),

  check('typing-not-to-oneself', async (t) => {
    const [ann, bob] = await pair(t);
    const tab = await t.connect('ann');
    await tab.joins('lounge');
    await ann.typing('lounge');
    await bob.receives('typing', on);
    await tab.fencedBy(ann, 'lounge');
    for (const peer of [ann, tab])
      t.equal(
        peer.received('typing').length,
        0,
        "the number of typing events on the user's own connections",
      );
  }),

  check('typing-user-stamped', async (t) => {
    const [ann, bob] = await pair(t);
    await ann.typing('lounge');
    const event = await bob.receives('typing', on);
    t.equal(
      [event.data.user, event.from],
      [ann.user, ann.user],
      '`data.user` and `from` of the event',
    );
  }),

  check('typing-acked', async (t) => {
    const [ann] = await pair(t);
    t.equal((await ann.typing('lounge')).data, {}, '`data` of the ack of typing');
    await ann.typing('lounge', false);
  }),

  ...(['seq', 'id'] as const).map((member) =>
    check(member === 'seq' ? 'typing-unsequenced' : 'typing-without-id', async (t) => {
      const [ann, bob] = await pair(t);
      await ann.typing('lounge');
      t.equal(
        member in (await bob.receives('typing', on)),
        false,
        `whether the typing event has a ${member}`,
      );
    }),
  ),

  check('typing-takes-no-seq', async (t) => {
    const [ann, bob] = await pair(t);
    const first = await ann.chat('lounge', 'one');
    await ann.typing('lounge');
    await bob.receives('typing', on);
    await ann.typing('lounge', false);
    const second = await ann.chat('lounge', 'two');
    t.equal(second.data.seq, Number(first.data.seq) + 1, '`seq` of the chat after a typing');
  }),

  check('typing-active-required', async (t) => {
    const [ann] = await pair(t);
    for (const data of [{}, { active: 'true' }, { active: 1 }, { active: null }])
      await ann.refuses('invalid_payload', () => ann.request('typing', data, { room: 'lounge' }), {
        path: '/data/active',
      });
  }),

  check('typing-not-to-later-members', async (t) => {
    const [ann, bob] = await pair(t);
    await ann.typing('lounge');
    await bob.receives('typing', on);
    const cid = await t.connect('cid');
    await cid.joins('lounge');
    await cid.fencedBy(bob, 'lounge');
    t.equal(
      cid.received('typing', on).length,
      0,
      'the number of `active: true` events from before the join',
    );
  }),

  check(
    'typing-expires',
    async (t) => {
      const [ann, bob, cid] = await t.join('lounge', 'ann', 'bob', 'cid');
      // Each has an end, whoever types beside them.
      for (const peer of [ann, cid]) {
        await peer.typing('lounge');
        await bob.receives('typing', { data: { active: true, user: peer.user } });
      }
      t.patience(ttl(t.welcome));
      for (const peer of [ann, cid]) {
        const end = { data: { active: false, user: peer.user } };
        const lacking = await t.finds(() => bob.receives('typing', end));
        if (!lacking) continue;
        const { expected, actual } = lacking;
        throw new Violation({ expected, actual, hint: ENDS });
      }
    },
    { timers: true, takes: ttl },
  ),

  check(
    'typing-not-ended-early',
    async (t) => {
      const [ann, bob] = await pair(t);
      const life = ttl(t.welcome);
      const started = performance.now();
      await ann.typing('lounge');
      await t.pause(life * 0.5);
      const renewed = performance.now();
      await ann.typing('lounge');
      const accepted = performance.now();
      const { at } = await endSeen(t, bob, 'lounge');
      // Only a renewal that was accepted while the first was still alive has surely renewed it.
      const surely = accepted < started + life * 0.95;
      endsInTime(t, at - (surely ? renewed : started));
      if (!surely)
        t.inconclusive('the machine was too slow: the typing may have ended before its renewal');
    },
    { timers: true, takes: (welcome) => ttl(welcome) * 1.5 },
  ),

  check(
    'typing-not-ended-early',
    async (t) => {
      const [ann, bob] = await pair(t);
      for (const peer of [ann, bob]) await peer.joins('hall');
      const life = ttl(t.welcome);
      const started = performance.now();
      await ann.typing('lounge');
      await t.pause(life * 0.5);
      const again = performance.now();
      await ann.typing('hall');
      await bob.receives('typing', { room: 'hall', ...on });
      const { at } = await endSeen(t, bob, 'hall');
      if (again > started + life * 0.95)
        t.inconclusive('the machine was too slow: the typing in the other room may have ended');
      endsInTime(t, at - again, 'The time runs for each room on its own.');
    },
    { variant: 'two-rooms', timers: true, takes: (welcome) => ttl(welcome) * 1.5 },
  ),

  check(
    'typing-not-ended-early',
    async (t) => {
      const [ann, bob] = await pair(t);
      for (const peer of [ann, bob]) await peer.joins('hall');
      const started = performance.now();
      await ann.typing('lounge');
      await ann.chat('hall', 'meanwhile, elsewhere');
      const { at } = await endSeen(t, bob, 'lounge');
      const hint =
        'A chat ends the typing of its sender in the room that it is sent to, and in no other: look typing up by room and user.';
      endsInTime(t, at - started, hint);
    },
    { variant: 'chat-elsewhere', timers: true, takes: ttl },
  ),

  check('typing-ends-on-chat', (t) =>
    endsBy(t, "the user's chat", (ann) => ann.chat('lounge', 'there it is')),
  ),
  check('typing-ends-on-leave', (t) =>
    endsBy(t, "the user's leave", (ann) => ann.leaves('lounge')),
  ),
  check('typing-ends-on-disconnect', (t) =>
    endsBy(t, "the end of the user's connection", (ann) => ann.close(1000)),
  ),
];
