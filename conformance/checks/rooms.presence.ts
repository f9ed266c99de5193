import { type CheckOptions, check } from '#conformance/harness/check.js';
import { opcodes } from '#conformance/harness/frames.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { Violation } from '#conformance/harness/verdict.js';
import type { Close } from '#conformance/harness/wire.js';
import {
  CLOSE_WITHIN_MS,
  inTime,
  lasting,
  shortLived,
  soon,
  untilEnd,
} from './authentication.lifetime.js';
import { chatsTooMuch, errsTooOften, isEnded, type Provoke, sendsTooMuch } from './endings.js';
import { strict } from './servers.js';

// The ways in which a connection ends without `leave`.
const endings: readonly [variant: string, end: (peer: Peer) => void][] = [
  ['close-frame', (peer) => peer.close(1000)],
  ['tcp-end', (peer) => peer.end()],
  ['tcp-reset', (peer) => peer.terminate()],
  // A frame with a reserved opcode, for which the server has to fail the connection.
  ['failed-by-server', (peer) => peer.sendFrame({ opcode: 3 })],
];

// What a server ends a connection for, at once.
const thrownOut: readonly [variant: string, Provoke, CheckOptions][] = [
  ['too-big', sendsTooMuch, {}],
  ['protocol-errors', errsTooOften, strict],
  ['rate', chatsTooMuch, strict],
];

// Holds one whom the server has thrown out to be gone from the room for the others.
async function hasLeft(t: Stage, { detail }: Close, gone: Peer, left: Peer): Promise<void> {
  const match = { room: 'lounge', data: { user: gone.user } };
  const hint =
    'Take a connection out of its rooms in the one place that every end passes: errors, timers, and closes that the server begins itself.';
  await left.until(
    () => left.received('leave', match)[0],
    () => ({
      expected: `${left.label} receives a leave of ${gone.label}, whose connection the server has ended (${detail})`,
      actual: `it did not come: ${gone.label} stays a member of the room`,
      hint,
    }),
  );
  const { members } = (await left.members('lounge')).data;
  t.equal(members, [left.user], `members after the server's end of a connection (${detail})`);
}

/** The checks of spec/rooms.md that are about presence. */
export const presence = [
  check('rooms-presence-join', async ({ join, connect, equal }) => {
    const [ann, laptop, phone] = await join('lounge', 'ann', 'bob', 'bob');
    const cat = await connect('cat');
    await cat.joins('lounge');
    for (const peer of [ann, laptop, phone]) {
      await peer.fencedBy(cat, 'lounge');
      const told = peer.received('join', { room: 'lounge', data: { user: cat.user } });
      equal(
        told.length,
        1,
        `the number of join events for cat on each connection of ${peer.label}`,
      );
    }
  }),

  check('rooms-presence-join-first-only', async ({ join, connect }) => {
    const [laptop, bob] = await join('lounge', 'ann', 'bob');
    const phone = await connect('ann');
    await phone.joins('lounge');
    await bob.fencedBy(phone, 'lounge');
    await bob.hearsNothing();
    await laptop.staysOpen();
  }),

  check('rooms-rejoin-silent', async ({ join }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    await ann.joins('lounge');
    await bob.fencedBy(ann, 'lounge');
    await bob.hearsNothing();
  }),

  check('rooms-presence-not-to-oneself', async ({ join, connect }) => {
    const [laptop, bob] = await join('lounge', 'ann', 'bob');
    const phone = await connect('ann');
    await phone.joins('lounge');
    for (const peer of [laptop, phone]) {
      await peer.fencedBy(bob, 'lounge');
      await peer.hearsNothing();
    }
  }),

  check(
    'rooms-presence-not-to-oneself',
    async ({ join, connect }) => {
      const [bob] = await join('lounge', 'bob');
      const laptop = await connect('ann');
      const phone = await connect('ann');
      await laptop.joins('lounge');
      await phone.fencedBy(bob, 'lounge');
      await phone.hearsNothing();
      await laptop.fencedBy(bob, 'lounge');
      await laptop.hearsNothing();
    },
    { variant: 'first-connection' },
  ),

  check('rooms-presence-leave', async ({ join, equal }) => {
    const [ann, laptop, phone] = await join('lounge', 'ann', 'bob', 'bob');
    await ann.leaves('lounge');
    for (const peer of [laptop, phone]) {
      await peer.receives('leave', { room: 'lounge', data: { user: ann.user } });
      await peer.fencedBy(laptop, 'lounge');
      equal(peer.received('leave').length, 1, 'the number of leave events on each connection');
    }
  }),

  check('rooms-presence-leave-last-only', async ({ join }) => {
    const [laptop, phone, bob] = await join('lounge', 'ann', 'ann', 'bob');
    await laptop.leaves('lounge');
    await bob.fencedBy(phone, 'lounge');
    await bob.hearsNothing();
  }),

  ...endings.map(([variant, end]) =>
    check(
      'rooms-presence-leave-last-only',
      async ({ join }) => {
        const [laptop, phone, bob] = await join('lounge', 'ann', 'ann', 'bob');
        end(laptop);
        await laptop.ends();
        // The server learns of the end in its own time; two fences give it some.
        await bob.fencedBy(phone, 'lounge');
        await bob.fencedBy(phone, 'lounge');
        await bob.hearsNothing();
      },
      { variant },
    ),
  ),

  check('rooms-presence-reason-left', async ({ join, equal }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    await ann.leaves('lounge');
    equal((await bob.receives('leave')).data.reason, 'left', 'the reason after a leave');
  }),

  check(
    'rooms-presence-reason-left',
    async ({ join, connect, equal }) => {
      const [lost, bob] = await join('lounge', 'ann', 'bob');
      lost.terminate();
      await bob.receives('leave', { data: { user: lost.user } });
      const ann = await connect('ann');
      await ann.joins('lounge');
      await bob.receives('join', { data: { user: ann.user } });
      await ann.leaves('lounge');
      const { data } = await bob.receives('leave', { data: { user: ann.user } });
      equal(data.reason, 'left', 'the reason after a leave of one who was lost before');
    },
    { variant: 'after-a-loss' },
  ),

  check(
    'rooms-presence-reason-disconnected',
    async ({ join, equal }) => {
      const [laptop, phone, bob] = await join('lounge', 'ann', 'ann', 'bob');
      await laptop.leaves('lounge');
      phone.terminate();
      const { data } = await bob.receives('leave', { data: { user: phone.user } });
      equal(data.reason, 'disconnected', "the reason after a loss, when the user's other had left");
    },
    { variant: 'after-a-leave' },
  ),

  ...endings.map(([variant, end]) =>
    check(
      'rooms-presence-reason-disconnected',
      async ({ join, equal }) => {
        const [ann, bob] = await join('lounge', 'ann', 'bob');
        end(ann);
        const { data } = await bob.receives('leave', { data: { user: ann.user } });
        equal(data.reason, 'disconnected', `the reason after a ${variant}`);
      },
      { variant },
    ),
  ),

  check(
    'rooms-presence-reason-disconnected',
    async ({ join, assert }) => {
      const [bob, ...others] = await join('lounge', 'bob', 'ann', 'cat', 'dan');
      for (const [i, code] of [1001, 1005, 4999].entries()) {
        const peer = others[i];
        if (!peer) continue;
        // 1005 is what a Close frame without a code is called.
        if (code === 1005) peer.sendFrame({ opcode: opcodes.close });
        else peer.close(code);
        const { data } = await bob.receives('leave', { data: { user: peer.user } });
        assert(data.reason === 'disconnected', {
          expected: `the reason disconnected, where a client closed with ${code === 1005 ? 'no code' : code}`,
          actual: `it is ${JSON.stringify(data.reason)}`,
          hint: 'Closing is not leaving, whatever the code: only `leave` makes the reason left.',
        });
      }
    },
    { variant: 'any-code' },
  ),

  check(
    'rooms-presence-reason-disconnected',
    async (t) => {
      const [bob] = await t.join('lounge', 'bob');
      const exp = soon();
      const ann = await shortLived(t, 'ann', exp);
      await inTime(t, exp, () => ann.joins('lounge'));
      await isEnded(t, ann, untilEnd(t, exp) + CLOSE_WITHIN_MS);
      const { data } = await bob.receives('leave', { data: { user: ann.user } });
      t.assert(data.reason === 'disconnected', {
        expected: 'the reason disconnected, where a connection ended with its token',
        actual: `it is ${JSON.stringify(data.reason)}`,
        hint: '`unauthorized` is for a connection that stays, and whose new token no longer allows the room.',
      });
    },
    { variant: 'token-expired', ...lasting },
  ),

  ...endings.map(([variant, end]) =>
    check(
      'rooms-closed-has-left',
      async ({ join, equal }) => {
        const [ann, bob] = await join('lounge', 'ann', 'bob');
        for (const peer of [ann, bob]) await peer.joins('hall');
        end(ann);
        for (const room of ['lounge', 'hall']) {
          await bob.receives('leave', { room, data: { user: ann.user } });
          const { members } = (await bob.members(room)).data;
          equal(members, [bob.user], `members of ${room} after a ${variant}`);
        }
      },
      { variant },
    ),
  ),

  ...thrownOut.map(([variant, provoke, options]) =>
    check(
      'rooms-closed-has-left',
      async (t) => {
        const [ann, bob] = await t.join('lounge', 'ann', 'bob');
        ann.autoClose = false;
        await provoke(t, ann);
        // What comes behind, and what comes after the Close frame, brings nobody back.
        ann.send('join', undefined, { room: 'lounge' });
        const close = await isEnded(t, ann);
        ann.send('join', undefined, { room: 'lounge' });
        ann.close(1000);
        await t.seen(ann.tcpEnds(), 'the server does not end TCP after the Close frames');
        await hasLeft(t, close, ann, bob);
      },
      { variant, ...options },
    ),
  ),

  check(
    'rooms-closed-has-left',
    async (t) => {
      const [bob] = await t.join('lounge', 'bob');
      const exp = soon();
      const ann = await shortLived(t, 'ann', exp);
      await inTime(t, exp, () => ann.joins('lounge'));
      const close = await isEnded(t, ann, untilEnd(t, exp) + CLOSE_WITHIN_MS);
      await hasLeft(t, close, ann, bob);
    },
    { variant: 'token-expired', ...lasting },
  ),

  check(
    'rooms-closed-has-left',
    async ({ join, equal, patience, welcome }) => {
      const [ann, bob] = await join('lounge', 'ann', 'bob');
      const { interval_ms, timeout_ms } = welcome.heartbeat;
      patience(2 * (interval_ms + timeout_ms));
      ann.autoPong = false;
      await bob.receives('leave', { data: { user: ann.user } });
      const { members } = (await bob.members('lounge')).data;
      equal(members, [bob.user], 'members after a heartbeat was not answered');
    },
    {
      variant: 'heartbeat',
      timers: true,
      takes: ({ heartbeat }) => heartbeat.interval_ms + heartbeat.timeout_ms,
    },
  ),

  check(
    'rooms-closed-has-left',
    async ({ join, equal }) => {
      const [bob, ...others] = await join('lounge', 'bob', 'ann', 'cat', 'dan', 'eve');
      for (const peer of others.slice(0, 3)) peer.terminate();
      const eve = others[3];
      const speaks = async () => {
        for (let i = 0; i < 4; i += 1) await bob.chat('lounge', `still here ${i}`);
        const heard = await eve?.receives('chat', { data: { text: 'still here 3' } });
        equal(heard?.from, bob.user, 'from of what the remaining member receives');
        await bob.staysOpen();
      };
      await speaks().catch((error: unknown) => {
        if (!(error instanceof Violation)) throw error;
        throw new Violation({
          expected: [
            'a member who stays is served after three others have lost their connections',
            ...error.expected,
          ],
          actual: `the innocent sender is thrown out, or not heard, after the disconnects of others: ${error.actual}`,
          hint: 'Iterate over a copy of the members, expect each send to fail, and remove a connection where it ends.',
        });
      });
    },
    { variant: 'innocent-sender' },
  ),
];
