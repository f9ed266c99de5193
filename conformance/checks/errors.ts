import { check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Stage } from '#conformance/harness/stage.js';
import { unfillable } from './attempts.js';
import { ALMOST, answered, SPACED, unsupported } from './errors.answers.js';
import { budget } from './errors.budget.js';
import { hostile } from './errors.hostile.js';
import { order } from './errors.order.js';

const json = (value: unknown) => JSON.stringify(value);

const ping = (extra: object) => json({ type: 'ping', ...extra });

// A message for each code that a lone client can provoke.
async function provoked(t: Stage): Promise<Message[]> {
  const ann = await t.connect('ann', { claims: { rooms: [t.room('lounge')] } });
  ann.sendText('{');
  const errors = [await ann.errs('invalid_json')];
  const ask = async (type: string, data: unknown, extra: object = {}) =>
    errors.push(await ann.request(type, data, extra as Record<string, string>));
  ann.sendText('{"type":"no type"}');
  errors.push(await ann.errs('invalid_envelope'));
  await ask('no_such_type', {});
  await ask('chat', {}, { room: 'lounge' });
  await ask('chat', { text: 'x'.repeat(t.welcome.limits.max_text_bytes + 1) }, { room: 'lounge' });
  await ask('chat', { text: 'x' }, { room: 'lounge' });
  await ask('join', {}, { room: 'elsewhere' });
  return errors;
}

// What Unicode takes for a letter or a digit of ASCII, where it is asked to.
const FOLDED = ['\u212a', '\u017f', '1\u0661'];

const RETRYABLE = [
  'room_full',
  'rate_limited',
  'shutting_down',
  'backend_unavailable',
  'internal_error',
];

// What frameworks send when they send the exception.
const INTERNALS = [
  /traceback/i,
  /\bat [\w.<>]+ \(/,
  /\.(py|js|ts|go|java|rb|rs|cs|php|ex):\d+/,
  /(^|[\s'"(])\/(usr|home|srv|app|opt|var|root)\//,
  /[A-Z]:\\/,
  /\b\w*(Error|Exception)\b/,
  /goroutine \d+/,
  /panicked at/,
];

/** The checks of spec/errors.md. */
export const errors = [
  check('errors-invalid-json', (t) =>
    answered(
      t,
      [
        '{"type":"ping","id":"1"',
        'hello?',
        "{'type':'ping'}",
        '{"type":"ping",}',
        '{type:"ping"}',
        '\u0000',
      ],
      'invalid_json',
      {},
      (error) => t.equal('ref' in error, false, 'whether the error has a ref'),
    ),
  ),

  check(
    'errors-invalid-json',
    (t) =>
      answered(
        t,
        [...ALMOST.map((data) => `{"type":"ping","data":${data}}`), ...SPACED],
        'invalid_json',
      ),
    { variant: 'lenient' },
  ),

  check('errors-empty-message', (t) => answered(t, [''], 'invalid_json')),

  check('errors-trailing-data', async (t) => {
    await answered(
      t,
      ['{"type":"ping"}', ' x', ']', ',', '\u0000', '\ufeff', '\n0'].map(
        (rest) => `{"type":"ping"}${rest}`,
      ),
      'invalid_json',
    );
  }),

  check('errors-not-an-object', (t) =>
    answered(t, ['[]', '"ping"', '42', 'true', 'null', '[{"type":"ping"}]'], 'invalid_envelope'),
  ),

  check('errors-type-missing', (t) =>
    answered(t, ['{}', '{"data":{}}', '{"id":"1","data":{}}'], 'invalid_envelope'),
  ),

  check('errors-type-malformed', (t) =>
    answered(
      t,
      [
        ...[5, null, '', 'Chat', 'chat ', 'x..y', '.x', '9', 'a'.repeat(65), ['chat'], 'chat\n'],
        ...[0, false, {}],
      ].map((type) => json({ type })),
      'invalid_envelope',
    ),
  ),

  check('errors-data-malformed', (t) =>
    answered(
      t,
      [null, [], 'text', 5, true, 0, false, ''].map((data) => ping({ data })),
      'invalid_envelope',
    ),
  ),

  check('errors-id-malformed', (t) =>
    answered(
      t,
      [...['', null, 5, 'x'.repeat(65), 'a b', 'a\n', 'é', {}, '#1', 0, false, []], ...FOLDED].map(
        (id) => ping({ id }),
      ),
      'invalid_envelope',
    ),
  ),

  check('errors-id-malformed-no-ref', (t) =>
    answered(
      t,
      ['', null, 7, 'x'.repeat(65), 'a b'].map((id) => ping({ id })),
      'invalid_envelope',
      {},
      (error) => t.equal('ref' in error, false, 'whether the error has a ref'),
    ),
  ),

  check('errors-room-malformed', async (t) => {
    const rooms: unknown[] = [
      '',
      null,
      5,
      '.hidden',
      'a b',
      'a/b',
      'café',
      'x'.repeat(129),
      'a\n',
      // What a name may hold and not begin with, and what is next to it in other grammars of names.
      '_a',
      '-a',
      ':a',
      'a@b',
      'a+b',
      'a#b',
      0,
      false,
      ['a'],
      ...FOLDED,
    ];
    await answered(
      t,
      rooms.map((room) => json({ type: 'join', room })),
      'invalid_envelope',
      {},
      (error) => t.equal('room' in error, false, 'whether the error has a room'),
    );
    await answered(t, [ping({ room: 'a b' })], 'invalid_envelope');
  }),

  check('errors-unknown-type', (t) =>
    answered(
      t,
      ['shout', 'chat2', 'x', 'parlor.chat', 'a'.repeat(64)].map((type) => json({ type })),
      'unknown_type',
    ),
  ),

  check('errors-server-type-unknown', (t) =>
    answered(
      t,
      ['welcome', 'pong', 'ack', 'error', 'auth_expiring', 'gap', 'server_shutdown'].map((type) =>
        json({ type, data: {} }),
      ),
      'unknown_type',
    ),
  ),

  ...unsupported('errors-unsupported-type', {
    direct: { to: 'bob', text: 'x' },
    broadcast: { text: 'x' },
    auth: { token: 'x' },
  }),

  check('errors-room-missing', async ({ connect }) => {
    const ann = await connect('ann');
    for (const [type, data] of [
      ['join', {}],
      ['leave', {}],
      ['members', {}],
      ['chat', { text: 'x' }],
      ['typing', { active: true }],
    ] as const)
      await ann.refuses('invalid_payload', () => ann.request(type, data), { path: '/room' });
  }),

  check('errors-invalid-payload', async ({ join }) => {
    // Each has a budget of mistakes.
    const [ann, bob, cat] = await join('lounge', 'ann', 'bob', 'cat');
    const extra = { room: 'lounge' };
    const texts = [5, null, ['x'], 0, false].map((text) => ({ text }));
    for (const data of [{}, ...texts])
      await ann.refuses('invalid_payload', () => ann.request('chat', data, extra));
    for (const meta of [null, [], 'm', 0, false, ''])
      await cat.refuses('invalid_payload', () => cat.request('chat', { text: 'x', meta }, extra));
    const wrong = ['yes', 1, null, 0, '', 'false'].map((active) => ({ active }));
    for (const data of [{}, ...wrong])
      await bob.refuses('invalid_payload', () => bob.request('typing', data, extra));
  }),

  check('errors-path', async ({ join, assert }) => {
    const [ann] = await join('lounge', 'ann');
    if (!ann) return;
    const asked: [string, object, string][] = [
      ['chat', {}, '/data/text'],
      ['chat', { text: 5 }, '/data/text'],
      ['chat', { text: 'x', meta: [] }, '/data/meta'],
      ['typing', {}, '/data/active'],
      ['typing', { active: 'yes' }, '/data/active'],
    ];
    for (const [type, data, path] of asked) {
      const error = await ann.refuses('invalid_payload', () =>
        ann.request(type, data, { room: 'lounge' }),
      );
      const given = error.data.path;
      assert(given === path || given?.startsWith(`${path}/`), {
        expected: `the path ${path} for ${type} with ${json(data)}`,
        actual: `the path is ${json(given)}`,
        hint: 'A JSON Pointer begins at the message: /data/text, not /text and not text.',
      });
    }
  }),

  check('errors-ref', (t) =>
    answered(
      t,
      [
        json({ id: 'mine' }),
        json({ type: 5, id: 'mine' }),
        json({ type: 'no_such_type', id: 'mine' }),
        json({ type: 'welcome', id: 'mine' }),
        json({ type: 'ping', data: 5, id: 'mine' }),
        json({ type: 'join', room: 'a b', id: 'mine' }),
        json({ type: 'join', id: 'mine' }),
        json({ type: 'chat', room: 'ROOM', data: { text: 'x' }, id: 'mine' }),
      ],
      ['invalid_envelope', 'unknown_type', 'invalid_payload', 'not_in_room'],
      {},
      (error, text) => t.equal(error.ref, 'mine', `\`ref\` of the error to ${text}`),
    ),
  ),

  check('errors-retryable', async (t) => {
    for (const { data } of await provoked(t))
      t.equal(data.retryable, RETRYABLE.includes(data.code ?? ''), `\`retryable\` of ${data.code}`);
    const [ann] = await t.join('lounge', 'ann');
    const rate = t.rate('messages');
    const { limit } = rate;
    if (unfillable(rate) !== undefined) return;
    const replies = await Promise.all(
      Array.from({ length: limit + 1 }, () =>
        ann?.request('chat', { text: 'x' }, { room: 'lounge' }),
      ),
    );
    const refused = replies.find((reply) => reply?.data.code === 'rate_limited');
    if (refused) t.equal(refused.data.retryable, true, '`retryable` of rate_limited');
  }),

  check('errors-message-length', async (t) => {
    const long = json({
      type: 'ping',
      data: { x: `\n${'y'.repeat(2_000)}` },
      room: `${'z'.repeat(500)} \n`,
    });
    await answered(
      t,
      [long, json({ type: 'a'.repeat(64) }), `{${'x'.repeat(2_000)}\n`],
      ['invalid_json', 'invalid_envelope', 'unknown_type'],
      {},
      (error) => single(t, error),
    );
    for (const error of await provoked(t)) single(t, error);
  }),

  check('errors-no-internals', async (t) => {
    const found: Message[] = await provoked(t);
    await answered(
      t,
      [
        'null',
        '5',
        '{"type":null}',
        '{"type":"chat","room":"ROOM","data":{"text":{"a":1}}}',
        '[[[[',
      ],
      ['invalid_json', 'invalid_envelope', 'invalid_payload', 'not_in_room'],
      {},
      (error) => found.push(error),
    );
    for (const { data } of found)
      for (const pattern of INTERNALS)
        t.assert(!pattern.test(data.message ?? ''), {
          expected:
            'an error says what is wrong with the message, and nothing of the server inside',
          actual: `its message is ${json(data.message)}`,
          hint: 'The text of an exception is for the log.',
        });
  }),

  check('errors-connection-kept', async (t) => {
    const [ann, bob] = await t.join('lounge', 'ann', 'bob');
    if (!ann || !bob) return;
    for (const text of ['{', 'null', '{"type":"no_such_type"}', '{"type":"chat","data":{}}'].slice(
      0,
      Math.max(1, t.welcome.limits.max_protocol_errors - 1),
    )) {
      ann.sendText(text);
      await ann.receives('error');
    }
    await ann.chat('lounge', 'still here');
    await bob.receives('chat', { data: { text: 'still here' } });
  }),

  check('errors-nobody-else', async (t) => {
    const [ann, bob] = await t.join('lounge', 'ann', 'bob');
    const tab = await t.connect('ann');
    await tab.joins('lounge');
    if (!ann || !bob) return;
    const eve = await t.connect('eve', { claims: { rooms: [t.room('foyer')] } });
    ann.sendText('{');
    await ann.errs('invalid_json');
    await ann.request('chat', { text: '' }, { room: 'lounge' });
    await ann.request('typing', {}, { room: 'lounge' });
    await ann.request('no_such_type', {}, { room: 'lounge' });
    await eve.request('join', {}, { room: 'lounge' });
    await eve.request('chat', { text: 'let me in' }, { room: 'lounge' });
    const ack = await ann.chat('lounge', 'what counts');
    t.equal(ack.data.seq, 1, '`seq` of the first accepted chat, after several that were refused,');
    for (const peer of [bob, tab]) {
      await peer.receives('chat', { data: { text: 'what counts' } });
      await peer.hearsNothing();
    }
  }),

  ...order,
  ...budget,
  ...hostile,
];

function single(t: Stage, { data }: Message): void {
  const { message = '' } = data;
  const length = [...message].length;
  t.assert(length >= 1 && length <= 200 && !/[\r\n\u0085\u2028\u2029]/.test(message), {
    expected: '`message` is a single line of 1 to 200 characters',
    actual: `it has ${length} characters: ${json(message.slice(0, 250))}`,
  });
}
