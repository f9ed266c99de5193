import { check } from '#conformance/harness/check.js';
import { encodeFrame, opcodes } from '#conformance/harness/frames.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { Violation } from '#conformance/harness/verdict.js';

const NESTED = {
  empty: {},
  null: null,
  list: [1, -0.5, 1e21, true, [], { deep: [[['x']]] }],
  names: { constructor: 1, toString: 'x', hasOwnProperty: null },
  '': 'a nameless member',
  scripts: 'ÅÄÖ Ελληνικά 日本語 עברית 🎈 \u2028 \\ "',
};

// Numbers that binary64 holds, and a printer with 15 or 16 digits does not.
const NUMBERS = {
  sum: 0.1 + 0.2,
  third: 1 / 3,
  digits: 123_456_789.123_456_79,
  largest: Number.MAX_VALUE,
  least: Number.MIN_VALUE,
  integer: Number.MAX_SAFE_INTEGER,
  negative: Number.MIN_SAFE_INTEGER,
};

/** What comes of everything: requests of each core type, good and bad. */
async function everything({ join }: Stage): Promise<Peer[]> {
  const [ann, bob] = await join('lounge', 'ann', 'bob');
  if (!ann || !bob) throw new Error('a join gives its peers');
  await ann.members('lounge');
  await ann.typing('lounge');
  await ann.chat('lounge', 'hello', { meta: NESTED });
  await bob.receives('chat');
  await ann.pings({ n: 1 });
  await ann.request('chat', {}, { room: 'lounge' });
  await ann.request('no_such_type');
  ann.sendText('{');
  await ann.errs('invalid_json');
  await ann.leaves('lounge');
  await bob.receives('leave');
  return [ann, bob];
}

// Rules that hold for every frame are judged wherever one is received; this makes sure that there is something to judge.
const provoke = async (t: Stage): Promise<void> => {
  await everything(t);
};

// The members with which a client claims what only the server says.
function claims(
  name: string,
  rule: 'timestamp' | 'from' | 'seq' | 'ref',
  values: readonly unknown[],
) {
  return check(`messages-client-${rule}-ignored`, async ({ join, equal }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    for (const value of values) {
      await ann?.chat('lounge', 'hello', { [name]: value });
      const event = await bob?.receives('chat');
      equal(event?.from, ann?.user, '`from` of the event');
      equal(event?.ref, undefined, '`ref` of the event');
      equal(
        event?.timestamp === value,
        false,
        `whether the event wears the client's ${name} ${JSON.stringify(value)}`,
      );
    }
    // Numbers go on as if nothing had been claimed.
    const ack = await ann?.chat('lounge', 'the last');
    equal(ack?.data.seq, values.length + 1, '`seq` of the chat after them');
  });
}

function spelled(t: Stage, peer: Peer, text: string): void {
  peer.sendText(text.replaceAll('ROOM', t.room('lounge')));
}

// How many mistakes may be made on one connection: one less than ends it.
function mistakes(t: Stage): number {
  const most = t.welcome.limits.max_protocol_errors - 1;
  return most < 1 ? t.notExercised('the first mistake ends the connection') : most;
}

// An error that is about a room names it.
async function namesRoom(
  t: Stage,
  peer: Peer,
  code: string,
  ask: () => Promise<Message>,
): Promise<void> {
  const error = await peer.refuses(code, ask);
  t.equal(error.room, t.room('lounge'), `\`room\` of the error ${code}`);
}

/** The checks of spec/messages.md. */
export const messages = [
  check('messages-json-object', provoke),
  check('messages-schema-valid', provoke),
  check('messages-timestamp-form', provoke),
  check('messages-type-announced', provoke),

  check('messages-no-binary-unannounced', async (t) => {
    if (t.welcome.features.includes('binary')) t.notExercised('the target announces binary');
    await everything(t);
  }),

  check(
    'messages-no-binary-unannounced',
    async (t) => {
      const ann = await t.connect('ann');
      const features = ann.welcome.data['features'] as string[];
      if (features.includes('binary')) t.notExercised('the instance announces binary all the same');
      await everything(t);
    },
    { variant: 'without-binary', instance: { PARLOR_FEATURES: 'operations' }, shared: true },
  ),

  check('messages-events-without-ref', async ({ join }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    await ann?.chat('lounge', 'hello', { id: 'mine' });
    await ann?.receives('chat');
    await bob?.receives('chat');
    await ann?.typing('lounge', true, { id: 'mine-too' });
    await bob?.receives('typing');
  }),

  check('messages-one-reply', async (t) => {
    const [ann] = await t.join('lounge', 'ann');
    if (!ann) return;
    const asked: [string, unknown, Record<string, unknown>][] = [
      ['join', {}, { room: 'lounge' }],
      ['members', {}, { room: 'lounge' }],
      ['typing', { active: true }, { room: 'lounge' }],
      ['chat', { text: 'hello' }, { room: 'lounge' }],
      ['ping', {}, {}],
      ['leave', {}, { room: 'lounge' }],
      ['leave', {}, { room: 'lounge' }],
      ['chat', { text: 'hello' }, { room: 'lounge' }],
      ['members', {}, { room: 'lounge' }],
      ['typing', {}, { room: 'lounge' }],
      ['chat', {}, { room: 'lounge' }],
      ['join', {}, {}],
      ['no_such_type', {}, {}],
      ['welcome', {}, {}],
    ];
    const before = ann.received().length;
    for (const [index, [type, data, extra]] of asked.entries())
      ann.send(type, data, { ...extra, id: `n${index}` });
    for (const [index, [type]] of asked.entries()) await ann.reply(`n${index}`, type);
    await ann.staysOpen();
    const refs = ann
      .received()
      .slice(before)
      .flatMap(({ ref }) => (ref?.startsWith('n') ? [ref] : []));
    t.equal(
      [...refs].sort(),
      asked.map((_, index) => `n${index}`).sort(),
      'the `ref`s of all replies, one for each request,',
    );
  }),

  check(
    'messages-one-reply',
    async (t) => {
      const ann = await t.connect('ann');
      const flaws = { type: 7, data: [], room: 'a b' };
      for (const [member, value] of Object.entries(flaws).slice(0, mistakes(t))) {
        const id = `bad-${member}`;
        ann.sendJson({ type: 'ping', id, [member]: value });
        ann.isError(await ann.reply(id, 'ping'), 'invalid_envelope');
      }
    },
    { variant: 'malformed' },
  ),

  check('messages-repeated-id-answered', async ({ connect, equal }) => {
    const ann = await connect('ann');
    for (const n of [1, 2, 3]) ann.send('ping', { n }, { id: 'same' });
    for (const n of [1, 2, 3])
      equal(
        (await ann.receives('pong', { ref: 'same' })).data,
        { n },
        `\`data\` of pong ${n} with the same ref`,
      );
  }),

  check('messages-no-ack-without-id', async ({ join, assert }) => {
    const [ann] = await join('lounge', 'ann');
    if (!ann) return;
    const before = ann.received('ack').length;
    for (const [type, data] of [
      ['join', {}],
      ['members', {}],
      ['typing', { active: true }],
      ['chat', { text: 'x' }],
      ['leave', {}],
    ] as const)
      ann.send(type, data, { room: 'lounge' });
    await ann.staysOpen();
    const [ack] = ann.received('ack').slice(before);
    assert(ack === undefined, {
      expected: 'no ack for messages that carry no id',
      actual: `an ack came: ${JSON.stringify(ack)}`,
    });
  }),

  check('messages-error-without-id', async ({ connect, equal }) => {
    const ann = await connect('ann');
    ann.send('chat', {}, { room: 'lounge' });
    const error = await ann.errs('invalid_payload');
    equal('ref' in error, false, 'whether the error has a ref');
    ann.send('no_such_type');
    equal('ref' in (await ann.errs('unknown_type')), false, 'whether the error has a ref');
  }),

  check('messages-reply-order', async (t) => {
    const [ann] = await t.join('lounge', 'ann');
    if (!ann) return;
    const kinds: (() => void)[] = [];
    for (let i = 0; i < 24; i += 1) {
      const id = `o${String(i).padStart(2, '0')}`;
      const kind = i % 6;
      if (kind === 0) kinds.push(() => ann.send('members', {}, { room: 'lounge', id }));
      else if (kind === 1) kinds.push(() => ann.send('ping', {}, { id }));
      else if (kind === 2) kinds.push(() => ann.send('chat', {}, { room: 'lounge', id }));
      else if (kind === 3) kinds.push(() => ann.send('join', {}, { room: `room-${i}`, id }));
      else if (kind === 4)
        kinds.push(() => ann.send('typing', { active: true }, { room: 'lounge', id }));
      else
        kinds.push(() =>
          ann.send(i === 5 ? 'no_such_type' : 'leave', {}, { room: `room-${i - 2}`, id }),
        );
    }
    const before = ann.received().length;
    for (const ask of kinds) ask();
    await ann.reply('o23');
    const refs = ann
      .received()
      .slice(before)
      .flatMap(({ ref }) => (ref?.startsWith('o') ? [ref] : []));
    t.equal(refs, [...refs].sort(), 'the order of the replies');
    t.equal(refs.length, kinds.length, 'the number of replies before that to the last request');
  }),

  check(
    'messages-reply-order',
    async (t) => {
      const ann = await t.connect('ann');
      const count = Math.min(3, mistakes(t));
      const ids = Array.from({ length: count }, (_, i) => `after-${i}`);
      for (const id of ids) ann.expectReply(id, 'ping');
      const before = ann.received().length;
      // In one segment: no version of the binary format is 2, and without the profile there is none.
      const frames = ids.flatMap((id) => [
        { opcode: opcodes.binary, payload: Buffer.from([2, 0, 0]) },
        { opcode: opcodes.text, payload: JSON.stringify({ type: 'ping', id }) },
      ]);
      ann.write(Buffer.concat(frames.map((frame) => encodeFrame(frame))));
      for (const id of ids) await ann.reply(id, 'ping');
      for (const _ of ids)
        await ann.receives('error').catch((error: unknown) => {
          if (error instanceof Violation) t.notSeen('not every binary message was answered');
          throw error;
        });
      const replies = ann
        .received()
        .slice(before)
        .filter(({ type, ref }) => ref?.startsWith('after-') || (type === 'error' && !ref))
        .map(({ type, ref }) => ref ?? type);
      t.equal(
        replies,
        ids.flatMap((id) => ['error', id]),
        'the order of the errors to binary messages and the pongs between them',
      );
    },
    { variant: 'binary' },
  ),

  check('messages-replies-to-requester-only', async ({ join, connect, equal }) => {
    const [ann] = await join('lounge', 'ann');
    const tab = await connect('ann');
    await tab.joins('lounge');
    await ann?.pings({});
    await ann?.members('lounge', { id: 'asked-here' });
    await ann?.request('chat', {}, { room: 'lounge', id: 'wrong-here' });
    await tab.fencedBy(ann as Peer, 'lounge');
    const replies = tab
      .received()
      .filter(({ ref }) => ref === 'asked-here' || ref === 'wrong-here');
    equal(
      replies.map(({ type }) => type),
      [],
      "the replies on the user's other connection",
    );
    equal(tab.received('pong').length, 0, "the number of pongs on the user's other connection");
  }),

  check('messages-room-on-replies', async (t) => {
    const [ann] = await t.join('lounge', 'ann');
    const room = t.room('lounge');
    const has = (reply: Message | undefined, what: string) =>
      t.equal(reply?.room, room, `\`room\` of the ${reply?.type} to ${what}`);
    has(await ann?.members('lounge'), 'members');
    has(await ann?.typing('lounge'), 'typing');
    has(await ann?.chat('lounge', 'hello'), 'chat');
    has(await ann?.request('chat', {}, { room: 'lounge' }), 'a chat without text');
    has(await ann?.joins('lounge'), 'join');
    has(await ann?.leaves('lounge'), 'leave');
    has(
      await ann?.request('chat', { text: 'x' }, { room: 'lounge' }),
      'a chat to a room that was left',
    );
    const without = await ann?.request('chat', { text: 'x' });
    t.equal(without?.room, undefined, '`room` of the error to a chat without a room');
  }),

  check(
    'messages-room-on-replies',
    async (t) => {
      const ann = await t.connect('ann', { claims: { rooms: [] } });
      await namesRoom(t, ann, 'forbidden', () => ann.request('join', {}, { room: 'lounge' }));
    },
    { variant: 'forbidden' },
  ),

  check(
    'messages-room-on-replies',
    async (t) => {
      const { max_rooms } = t.welcome.limits;
      if (t.limitOf('join') < max_rooms + 5)
        t.notExercised(`${max_rooms} rooms cannot be joined within the announced rate`);
      const ann = await t.connect('ann');
      await Promise.all(Array.from({ length: max_rooms }, (_, i) => ann.joins(`room-${i}`)));
      await namesRoom(t, ann, 'too_many_rooms', () => ann.request('join', {}, { room: 'lounge' }));
    },
    { variant: 'too-many-rooms' },
  ),

  check(
    'messages-room-on-replies',
    async (t) => {
      const [ann] = await t.join('lounge', 'ann');
      const rate = t.rate('messages');
      if (rate.limit > 2_000) t.notExercised(`${rate.limit} messages are more than it sends`);
      const ask = () => ann.request('chat', { text: 'x' }, { room: 'lounge' });
      const replies = await Promise.all(Array.from({ length: rate.limit + 1 }, ask));
      const refused = replies.find(({ data }) => data.code === 'rate_limited');
      if (!refused) return t.notSeen('no chat was refused for the rate');
      await namesRoom(t, ann, 'rate_limited', async () => refused);
    },
    { variant: 'rate-limited' },
  ),

  check(
    'messages-room-on-replies',
    async (t) => {
      const ann = await t.connect('ann');
      const flaws = [
        ['an id of the wrong form', { id: 'a b' }],
        ['data of the wrong form', { data: 7 }],
      ] as const;
      for (const [flaw, extra] of flaws.slice(0, mistakes(t))) {
        ann.sendJson({ type: 'join', room: t.room('lounge'), ...extra });
        const error = await ann.errs('invalid_envelope');
        t.equal(error.room, t.room('lounge'), `\`room\` of the error to a join with ${flaw}`);
      }
    },
    { variant: 'malformed' },
  ),

  check('messages-ping-answered', async ({ connect, equal }) => {
    const ann = await connect('ann');
    ann.send('ping', { n: 1 });
    const pong = await ann.receives('pong');
    equal('ref' in pong, false, 'whether the pong has a ref');
    await ann.staysOpen();
    equal(ann.received('pong', { data: { n: 1 } }).length, 1, 'the number of pongs to one ping');
  }),

  check('messages-pong-data-equal', async ({ connect, equal }) => {
    const ann = await connect('ann');
    for (const data of [
      {},
      NESTED,
      { at: 1_893_456_000_123, nonce: 'x' },
      { type: 'chat', id: 'y', ref: 'z' },
    ])
      equal((await ann.pings(data)).data, data, '`data` of the pong');
  }),

  check('messages-data-absent', async ({ connect, equal }) => {
    const ann = await connect('ann');
    equal((await ann.pings()).data, {}, '`data` of the pong to a ping without data');
    for (const type of ['join', 'members', 'leave'])
      await ann.acked(type, undefined, { room: 'lounge' });
    await ann.refuses('invalid_payload', () => ann.request('chat', undefined, { room: 'lounge' }), {
      path: '/data/text',
    });
  }),

  check('messages-id-any-legal', async ({ connect, equal }) => {
    const ann = await connect('ann');
    for (const id of [
      '1',
      'a.b_c',
      'tab-3:17',
      '-',
      ':',
      '6f1e2c1a-8b0e-4f5d-9f63-2f4f1f0a9b11',
      '01J9Z3K4N5P6Q7R8S9T0V1W2X3',
      'x'.repeat(64),
    ])
      equal(
        (await ann.request('ping', {}, { id })).type,
        'pong',
        `the reply to a ping with the id ${id}`,
      );
  }),

  claims('timestamp', 'timestamp', ['2001-01-01T00:00:00.000Z', 'yesterday', {}, null]),
  claims('from', 'from', ['bob', 7, null]),
  claims('seq', 'seq', [1_000_000, 0, 'x']),
  claims('ref', 'ref', ['r1', 7]),

  check('messages-client-user-ignored', async ({ join, equal }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    await ann?.acked('typing', { active: true, user: bob?.user }, { room: 'lounge' });
    const typing = await bob?.receives('typing');
    equal(typing?.data.user, ann?.user, '`data.user` of the typing event');
    await ann?.acked('chat', { text: 'hello', user: bob?.user }, { room: 'lounge' });
    const chat = await bob?.receives('chat');
    equal(chat?.from, ann?.user, '`from` of the chat');
    equal(chat?.data.user, undefined, '`data.user` of the chat');
    await ann?.acked('leave', { user: bob?.user }, { room: 'lounge' });
    equal((await bob?.receives('leave'))?.data.user, ann?.user, '`data.user` of the leave event');
  }),

  check('messages-unknown-members-accepted', async ({ connect }) => {
    const ann = await connect('ann');
    const extra = { room: 'lounge', priority: 'high', x: { y: [] } };
    await ann.acked('join', { colour: 'red' }, extra);
    await ann.acked('members', { colour: 'red' }, extra);
    await ann.acked('typing', { active: true, colour: 'red' }, extra);
    await ann.acked('chat', { text: 'hello', colour: 'red' }, extra);
    await ann.acked('leave', { colour: 'red' }, extra);
  }),

  check('messages-unknown-members-not-relayed', async ({ join, equal }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    const marks = { admin: true, replay: true, secret: 'of ann' };
    await ann?.acked('chat', { text: 'hello', ...marks }, { room: 'lounge', ...marks });
    const event = await bob?.receives('chat');
    const stray = (value: object | undefined) =>
      Object.keys(marks).filter((name) => value && name in value);
    equal(stray(event), [], 'the members beside `data` that were relayed');
    equal(stray(event?.data), [], 'the members of `data` that were relayed');
    await ann?.acked('typing', { active: true, ...marks }, { room: 'lounge', ...marks });
    equal(
      stray((await bob?.receives('typing'))?.data),
      [],
      'the members of `data` that were relayed with typing',
    );
  }),

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

  check('messages-meta-absent', async ({ join, equal }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    await ann?.chat('lounge', 'hello');
    equal(
      'meta' in ((await bob?.receives('chat'))?.data ?? {}),
      false,
      'whether the event has a `meta`',
    );
  }),

  check('messages-json-any-spelling', async (t) => {
    const [ann, bob] = await t.join('lounge', 'ann', 'bob');
    if (!ann || !bob) return;
    const texts = [
      '{"data":{"text":"caf\\u00e9 \\ud83d\\ude00"},"\\u0069d":"spelled-1","room":"ROOM","type":"\\u0063hat"}',
      ' \r\n\t{ "room" : "ROOM" ,\n "id" : "spelled-2" , "data" : { "text" : "caf\u00e9 \u{1f600}" } , "type" : "chat" } \n',
      '{"type":"chat","id":"spelled-3","room":"ROOM","data":{"text":"caf\\u00E9 \\uD83D\\uDE00"}}',
    ];
    for (const [index, text] of texts.entries()) {
      spelled(t, ann, text);
      t.equal(
        (await ann.reply(`spelled-${index + 1}`, 'chat')).type,
        'ack',
        `the reply to ${JSON.stringify(text)}`,
      );
      t.equal(
        (await bob.receives('chat')).data.text,
        'caf\u00e9 \u{1f600}',
        'the text that arrived',
      );
    }
  }),

  check('messages-duplicate-names-last', async (t) => {
    const [ann, bob] = await t.join('lounge', 'ann', 'bob');
    if (!ann || !bob) return;
    spelled(
      t,
      ann,
      '{"type":"chat","id":"twice","room":"ROOM","data":{"text":"first","text":"last"}}',
    );
    const reply = await ann.receives('*', ({ type, ref }) => type === 'error' || ref === 'twice');
    if (reply.type === 'error') {
      ann.isError(reply, 'invalid_json');
      return;
    }
    t.equal(
      (await bob.receives('chat')).data.text,
      'last',
      'the text of a message with two members `text`',
    );
  }),
];
