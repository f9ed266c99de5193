import { check } from '#conformance/harness/check.js';

/** What a parser and a printer of JSON have to give back, of every kind. */
export const NESTED = {
  empty: {},
  null: null,
  list: [1, -0.5, 1e21, true, [], { deep: [[['x']]] }],
  names: { constructor: 1, toString: 'x', hasOwnProperty: null },
  '': 'a nameless member',
  // What a loose language takes for nothing, for a number, or for a list.
  loose: [false, 0, '', '0', '1e3', 'null', 'false', {}, { a: 0, b: false, c: null, d: '', e: [] }],
  digits: { 0: 'a', 1: 'b' },
  scripts: 'ÅÄÖ Ελληνικά 日本語 עברית 🎈 \u2028 \\ "',
};

/** Numbers that binary64 holds, and a printer with 15 or 16 digits, or an integer of 64 bits, does not. */
export const NUMBERS = {
  sum: 0.1 + 0.2,
  third: 1 / 3,
  digits: 123_456_789.123_456_79,
  largest: Number.MAX_VALUE,
  least: Number.MIN_VALUE,
  integer: Number.MAX_SAFE_INTEGER,
  negative: Number.MIN_SAFE_INTEGER,
  beyond63: 2 ** 63,
  beyond64: 2 ** 64,
};

/** The checks of spec/messages.md that are about `meta`. */
export const meta = [
  check('messages-meta-equal', async ({ join, equal }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    for (const meta of [
      {},
      NESTED,
      { a: null },
      { n: 0.1, big: 9_007_199_254_740_991, less: -1e-7 },
    ]) {
      await ann?.chat('lounge', 'hello', { meta });
      equal((await bob?.receives('chat'))?.data.meta, meta, '`meta` of the event');
    }
  }),

  check(
    'messages-meta-equal',
    async ({ join, assert }) => {
      const [ann, bob] = await join('lounge', 'ann', 'bob');
      await ann.chat('lounge', 'hello', { meta: { ...NUMBERS } });
      const { meta = {} } = (await bob.receives('chat')).data;
      for (const [what, number] of Object.entries(NUMBERS))
        assert(meta[what] === number, {
          expected: `the number ${number} in \`meta\` has the same value in the event`,
          actual: `it is ${JSON.stringify(meta[what])}`,
          hint: 'Print a binary64 with as many digits as it takes to read the same value again: up to 17.',
        });
    },
    { variant: 'numbers' },
  ),

  check(
    'messages-meta-equal',
    async (t) => {
      t.needs('direct');
      const [ann, bob] = [await t.connect('ann'), await t.connect('bob')];
      await ann.acked('direct', { to: bob.user, text: '0', meta: NESTED });
      const { data } = await bob.receives('direct');
      t.equal(data.meta, NESTED, '`meta` of a direct message');
    },
    { variant: 'of-direct' },
  ),

  check('messages-meta-absent', async ({ join, equal }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    await ann?.chat('lounge', 'hello');
    equal(
      'meta' in ((await bob?.receives('chat'))?.data ?? {}),
      false,
      'whether the event has a `meta`',
    );
  }),

  check(
    'messages-meta-absent',
    async (t) => {
      t.needs('direct');
      const [ann, bob] = [await t.connect('ann'), await t.connect('bob')];
      await ann.acked('direct', { to: bob.user, text: 'psst' });
      const { data } = await bob.receives('direct');
      t.equal('meta' in data, false, 'whether a direct message has a `meta` that had none');
    },
    { variant: 'of-direct' },
  ),
];
