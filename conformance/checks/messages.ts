import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { meta, NESTED, NUMBERS } from './messages.meta.js';
import { replies } from './messages.replies.js';

// Names that a plain object knows, or cannot hold, where it serves as a table.
const OBJECT_MEMBERS = ['constructor', 'toString', '__proto__'];

// Ids that are one and the same where only a part of them, their letters in lower case, or the numbers that they may
// be taken for are compared; by the users who send them.
const ALIKE = {
  ann: [
    `${'x'.repeat(63)}1`,
    `${'x'.repeat(63)}2`,
    `1${'x'.repeat(63)}`,
    `2${'x'.repeat(63)}`,
    'tab',
    'TAB',
  ],
  cat: ['0', '00', '10', '1e1', '010', '10.0'],
};

/** What comes of everything: requests of each core type, good and bad. */
async function everything({ join }: Stage): Promise<Peer[]> {
  const [ann, bob] = await join('lounge', 'ann', 'bob');
  if (!ann || !bob) throw new Error('a join gives its peers');
  await ann.members('lounge');
  await ann.typing('lounge');
  await ann.chat('lounge', 'hello', { meta: NESTED });
  await bob.receives('chat');
  // Of no use to a ping, and nothing for its pong.
  await ann.request('ping', { n: 1 }, { room: 'lounge' });
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

/** Whether the message `twice`, which names a member twice, is taken; else it has to be refused as no JSON. */
export async function takesTwice(peer: Peer): Promise<boolean> {
  const reply = await peer.receives('*', ({ type, ref }) => type === 'error' || ref === 'twice');
  if (reply.type !== 'error') return true;
  peer.isError(reply, 'invalid_json');
  return false;
}

/** The checks of spec/messages.md. */
export const messages = [
  check('messages-json-object', provoke),
  check('messages-schema-valid', provoke),
  check('messages-timestamp-form', provoke),
  check('messages-type-announced', provoke),

  check('messages-no-binary-unannounced', async (t) => {
    if (t.announces('binary')) t.notExercised('the target announces binary');
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

  ...replies,

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
      { ...NUMBERS },
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
      '0',
      ...OBJECT_MEMBERS,
    ])
      equal(
        (await ann.request('ping', {}, { id })).type,
        'pong',
        `the reply to a ping with the id ${id}`,
      );
  }),

  check(
    'messages-id-any-legal',
    async ({ join, assert }) => {
      const [ann] = await join('lounge', 'ann');
      for (const id of OBJECT_MEMBERS) {
        const { type, data } = await ann.request('chat', { text: 'x' }, { room: 'lounge', id });
        assert(type === 'ack' && data.duplicate === undefined, {
          expected: `an ack of the first chat with the id ${id}`,
          actual: `${type} ${data.code ?? ''}${data.duplicate ? 'with duplicate: true' : ''}`,
          hint: 'A plain object as a table has members that nobody put there: use a map.',
        });
      }
    },
    { variant: 'of-chat' },
  ),

  check(
    'messages-id-any-legal',
    async ({ join, assert }) => {
      const [bob, ...others] = await join('lounge', 'bob', 'ann', 'cat');
      const asked = others.flatMap((peer, i) =>
        (Object.values(ALIKE)[i] ?? []).map((id) => ({ peer, id })),
      );
      for (const [index, { peer, id }] of asked.entries()) {
        const text = `no. ${index}`;
        const { type, data } = await peer.request('chat', { text }, { room: 'lounge', id });
        assert(type === 'ack' && data.duplicate === undefined, {
          expected: `an ack of the first chat with the id ${id}`,
          actual: `${type} ${data.code ?? ''}${data.duplicate ? 'with duplicate: true' : ''}`,
          hint: 'Two ids are the same where all of their bytes are: no cutting, no lower case, no numbers.',
        });
        await bob.receives('chat', { data: { text } });
      }
    },
    { variant: 'alike' },
  ),

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

  check(
    'messages-unknown-members-not-relayed',
    async (t) => {
      t.needs('direct');
      const [ann, bob] = [await t.connect('ann'), await t.connect('bob')];
      const marks = { admin: true, replay: true, secret: 'of ann' };
      await ann.acked('direct', { to: bob.user, text: 'psst', ...marks }, marks);
      const event = await bob.receives('direct');
      const relayed = Object.keys(marks).filter((name) => name in event || name in event.data);
      t.equal(relayed, [], 'the members that were relayed with direct');
    },
    { variant: 'of-direct' },
  ),

  ...meta,

  check('messages-json-any-spelling', async (t) => {
    const [ann, bob] = await t.join('lounge', 'ann', 'bob');
    const said = 'caf\u00e9 \u{1f600}';
    const texts: [text: string, said: string][] = [
      [
        '{"data":{"text":"caf\\u00e9 \\ud83d\\ude00"},"\\u0069d":"spelled-1","room":"ROOM","type":"\\u0063hat"}',
        said,
      ],
      [
        ' \r\n\t{ "room" : "ROOM" ,\n "id" : "spelled-2" , "data" : { "text" : "caf\u00e9 \u{1f600}" } , "type" : "chat" } \n',
        said,
      ],
      [
        '{"type":"chat","id":"spelled-3","room":"ROOM","data":{"text":"caf\\u00E9 \\uD83D\\uDE00"}}',
        said,
      ],
      [
        '{"type":"chat","id":"spelled-4","room":"ROOM","data":{"text":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u001f \u007f/"}}',
        '"\\/\b\f\n\r\t\u001f \u007f/',
      ],
    ];
    for (const [index, [text, said]] of texts.entries()) {
      spelled(t, ann, text);
      t.equal(
        (await ann.reply(`spelled-${index + 1}`, 'chat')).type,
        'ack',
        `the reply to ${JSON.stringify(text)}`,
      );
      t.equal((await bob.receives('chat')).data.text, said, 'the text that arrived');
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
    if (!(await takesTwice(ann))) return;
    const { text } = (await bob.receives('chat')).data;
    t.equal(text, 'last', 'the text of a message with two members `text`');
  }),

  check(
    'messages-duplicate-names-last',
    async (t) => {
      const [ann, bob] = await t.join('lounge', 'ann', 'bob');
      const data = '{"text":"x","meta":{"in":[{"a":"first","b":1,"a":"last"}]}}';
      spelled(t, ann, `{"type":"chat","id":"twice","room":"ROOM","data":${data}}`);
      if (!(await takesTwice(ann))) return;
      t.equal(
        (await bob.receives('chat')).data.meta,
        { in: [{ a: 'last', b: 1 }] },
        '`meta` of a message in which an object within `meta` has two members `a`',
      );
    },
    { variant: 'nested' },
  ),
];
