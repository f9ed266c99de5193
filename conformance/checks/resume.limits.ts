import { check } from '#conformance/harness/check.js';
import type { Stage } from '#conformance/harness/stage.js';
import {
  allOrNothing,
  comesBack,
  few,
  MANY,
  past,
  recoversAll,
  recoversNothing,
  talks,
  verdict,
} from './resume.returns.js';
import { forgetful, RESUME_MS } from './servers.js';

const short = { ...forgetful, timers: true, takes: () => 2 * RESUME_MS } as const;

/** The checks of spec/resume.md of what cannot be recovered, and what can. */
export const limits = [
  check('resume-nothing-missed-recovered', async (t) => {
    const before = await past(t, 3);
    recoversAll(t, await comesBack(t, before, 3), []);
  }),

  check(
    'resume-nothing-missed-recovered',
    async (t) => {
      const before = await past(t, 0);
      recoversAll(t, await comesBack(t, before, 0), []);
    },
    { variant: 'nobody-wrote' },
  ),

  check(
    'resume-nothing-missed-recovered',
    async (t) => {
      const before = await past(t, 3);
      await t.pause(2 * RESUME_MS);
      recoversAll(t, await comesBack(t, before, 3), []);
    },
    { variant: 'expired', ...short },
  ),

  check('resume-from-zero-recovered', async (t) => {
    const before = await past(t, 3);
    recoversAll(t, await comesBack(t, before, 0), before.events);
  }),

  check(
    'resume-from-zero-recovered',
    async (t) => {
      const { epoch, bob } = await past(t, 2);
      await talks(t, bob, MANY);
      await allOrNothing(t, await comesBack(t, { epoch, bob }, 0), 0, bob);
    },
    { variant: 'evicted', ...few },
  ),

  check('resume-unknown-epoch-not-recovered', async (t) => {
    const { epoch, bob } = await past(t, 3);
    await recoversNothing(t, await comesBack(t, { epoch, bob }, 1, { as: 'never' }), bob);
    const now = bob.received('*', ({ seq }) => seq !== undefined).length;
    const same = await comesBack(t, { epoch, bob }, now, { label: 'cat', as: 'never' });
    await recoversNothing(t, same, bob);
    const zero = await comesBack(t, { epoch, bob }, 0, { label: 'dan', as: `${epoch}0` });
    await recoversNothing(t, zero, bob);
  }),

  check(
    'resume-evicted-range-not-recovered',
    async (t) => {
      const { epoch, bob } = await past(t, 2);
      await talks(t, bob, MANY);
      await allOrNothing(t, await comesBack(t, { epoch, bob }, 2), 2, bob);
    },
    few,
  ),

  check(
    'resume-evicted-range-not-recovered',
    async (t) => {
      const { epoch, bob } = await past(t, 3);
      await t.pause(2 * RESUME_MS);
      await talks(t, bob, 2);
      await allOrNothing(t, await comesBack(t, { epoch, bob }, 1), 1, bob);
    },
    { variant: 'expired', ...short },
  ),

  check('resume-future-seq-not-recovered', async (t) => {
    const { epoch, bob } = await past(t, 3);
    await recoversNothing(t, await comesBack(t, { epoch, bob }, 4), bob);
    await recoversNothing(t, await comesBack(t, { epoch, bob }, 1_000_000, { label: 'cat' }), bob);
    // To a cast to 32 bits these are 0 and 1.
    for (const [seq, label] of [
      [2 ** 32, 'dan'],
      [2 ** 32 + 1, 'eve'],
    ] as const)
      await recoversNothing(t, await comesBack(t, { epoch, bob }, seq, { label }), bob);
    // And these are negative ones, or the largest that there may be.
    const [fay] = await t.join('lounge', 'fay');
    for (const seq of [2 ** 31, 2 ** 32 - 1, Number.MAX_SAFE_INTEGER]) {
      const ack = await fay.joins('lounge', { since: { epoch, seq } });
      await fay.pings();
      t.equal(verdict(ack), { recovered: false, replayed: 0 }, `what the ack says to ${seq}`);
      t.equal(fay.received('chat', { data: { replay: true } }).length, 0, 'the replayed events');
    }
  }),

  check('resume-since-validated', async (t) => {
    const { epoch, bob } = await past(t, 2);
    for (const [index, since] of [
      {},
      { seq: 1 },
      { epoch },
      { epoch: 1, seq: 1 },
      { epoch, seq: -1 },
      { epoch, seq: 1.5 },
      { epoch, seq: '1' },
      { epoch: null, seq: null },
    ].entries()) {
      // A connection for each, so that no budget of protocol errors is spent.
      const ann = await t.connect(`ann${index}`);
      const error = await ann.refuses('invalid_payload', () =>
        ann.request('join', { since }, { room: 'lounge' }),
      );
      await bob.chat('lounge', 'who is here?');
      await ann.hearsNothing();
      const { path = '' } = error.data;
      t.assert(path === '/data/since' || path.startsWith('/data/since/'), {
        expected: `a path into /data/since for ${JSON.stringify(since)}`,
        actual: `the path is ${JSON.stringify(path)}`,
      });
    }
    // What a loose language takes for no `since`, for a number, or for an integer.
    const cat = await t.connect('cat');
    const loose = [null, 0, false, '', [], { epoch, seq: true }, { epoch, seq: 2 ** 54 }];
    for (const since of loose.slice(0, t.welcome.limits.max_protocol_errors - 1))
      await cat.refuses('invalid_payload', () =>
        cat.request('join', { since }, { room: 'lounge' }),
      );
    await cat.hearsNothing();
    await bob.hearsNothing({ except: ['chat'] });
  }),

  check('resume-replay-obeys-authorization', async (t) => {
    const { epoch, bob } = await past(t, 3);
    const ann = await t.connect('ann', { claims: { rooms: [t.room('hall')] } });
    await ann.refuses('forbidden', () =>
      ann.request('join', { since: { epoch, seq: 1 } }, { room: 'lounge' }),
    );
    await bob.chat('lounge', 'between us');
    await bob.receives('chat');
    await ann.hearsNothing();
  }),

  check('resume-member-catches-up', async (t) => {
    const { epoch, bob, events } = await past(t, 3);
    const [cat] = await t.join('lounge', 'cat');
    const ack = await cat.joins('lounge', { since: { epoch, seq: 1 } });
    await cat.fencedBy(bob, 'lounge');
    const replayed = cat.received('chat', { data: { replay: true } });
    recoversAll(t, { peer: cat, ack, replayed }, events.slice(1));
    await bob.hearsNothing();
  }),

  check(
    'resume-epoch-new-after-restart',
    async (t) => {
      const talk = async (
        label: string,
        count: number,
        at?: Awaited<ReturnType<Stage['launch']>>,
      ) => {
        const peer = await t.connect(label, at ? { at } : {});
        const { epoch, seq = 0 } = (await peer.joins('lounge')).data;
        for (let i = 0; i < count; i += 1) await peer.chat('lounge', `thing ${i}`);
        return { epoch, seq };
      };
      const { epoch } = await talk('ann', 3);
      const { port } = new URL(t.instance.url);
      await t.instance.stop('SIGKILL');
      const again = await t.launch({ PORT: port });
      const now = await talk('bob', 0, again);
      t.assert(now.epoch !== epoch || now.seq >= 3, {
        expected: ['a new epoch', 'the old epoch, and a seq of at least 3'],
        actual: `after the restart the room has the old epoch ${epoch} and the seq ${now.seq}; before it had the seq 3`,
        hint: "Make the epoch of random bits, and not of the room's name or of a count.",
      });
    },
    { instance: {} },
  ),
];

/** The checks of spec/resume.md. */
