import { check } from '#conformance/harness/check.js';
import { encodeFrame, opcodes } from '#conformance/harness/frames.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { messagesRate } from './attempts.js';
import { fillRooms } from './capacity.js';
import { shows } from './pictures.js';

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

/** The checks of spec/messages.md that are about replies. */
export const replies = [
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
      for (const id of ids) {
        const { type } = await ann.reply(id, 'ping');
        if (type !== 'pong')
          t.notSeen('a ping was refused, so that an error may be about anything');
      }
      for (const _ of ids)
        await t.seen(ann.receives('error'), 'not every binary message was answered');
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
      const ann = await fillRooms(t);
      await namesRoom(t, ann, 'too_many_rooms', () => ann.request('join', {}, { room: 'lounge' }));
    },
    { variant: 'too-many-rooms' },
  ),

  check(
    'messages-room-on-replies',
    async (t) => {
      const [ann] = await t.join('lounge', 'ann');
      const rate = messagesRate(t);
      const ask = () => ann.request('chat', { text: 'x' }, { room: 'lounge' });
      const replies = await Promise.all(Array.from({ length: rate.limit + 1 }, ask));
      const refused = replies.find(({ data }) => data.code === 'rate_limited');
      if (!refused) return t.notSeen('no chat was refused for the rate');
      await namesRoom(t, ann, 'rate_limited', async () => refused);
      if (!t.announces('binary') || !rate.types.includes('binary')) return;
      const picture = await shows(t, ann, { payload: 'x' });
      // A slow server may have got to the next window by now.
      if (picture.type === 'error') await namesRoom(t, ann, 'rate_limited', async () => picture);
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

  check(
    'messages-room-on-replies',
    async (t) => {
      if (t.announces('binary')) t.notExercised('every room type is announced');
      const ann = await t.connect('ann');
      await namesRoom(t, ann, 'unsupported', () => ann.request('binary', {}, { room: 'lounge' }));
    },
    { variant: 'unsupported' },
  ),

  check(
    'messages-room-on-replies',
    async (t) => {
      const ann = await t.connect('ann');
      const asked = [
        ['no_such_type', 'unknown_type'],
        ['welcome', 'unknown_type'],
        ['direct', t.announces('direct') ? 'invalid_payload' : 'unsupported'],
      ] as const;
      for (const [type, code] of asked.slice(0, mistakes(t))) {
        const error = await ann.refuses(code, () => ann.request(type, {}, { room: 'lounge' }));
        t.assert(error.room === undefined, {
          expected: `no \`room\` on the ${code} for a ${type}, which is no room type`,
          actual: `\`room\` is ${JSON.stringify(error.room)}`,
          hint: 'Copy `room` where the type is one of the room types: elsewhere it has no meaning.',
        });
      }
    },
    { variant: 'no-room-type' },
  ),
];
