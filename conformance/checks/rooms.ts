import { check } from '#conformance/harness/check.js';

/** The checks of spec/rooms.md. */
export const rooms = [
  check('rooms-join-acked', async ({ connect, assert }) => {
    const ann = await connect('ann');
    const { data } = await ann.joins('lounge');
    for (const member of ['members', 'count', 'seq', 'epoch'])
      assert(member in data, {
        expected: `the ack of a join carries \`${member}\``,
        actual: `its data has only ${Object.keys(data).join(', ') || 'no members'}`,
      });
  }),

  check('rooms-no-leak-to-strangers', async ({ join, connect }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    const eve = await connect('eve');
    await ann.chat('lounge', 'hello');
    await bob.receives('chat');
    await eve.hearsNothing();
  }),
];
