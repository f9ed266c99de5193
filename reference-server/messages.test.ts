import { describe, expect, it } from 'vitest';
import { validateServer } from '#schemas/validate.js';
import { world } from './fixtures/core.js';

const codes = async (...messages: (object | string | Buffer)[]) => {
  const { connect } = await world({ features: ['direct'] });
  const ann = await connect('ann');
  ann.take();
  for (const message of messages) await ann.send(message);
  for (const message of ann.inbox) expect(validateServer(message.type, message)).toBeNull();
  return ann.inbox.map(({ data }) => data['code'] ?? 'ok');
};

describe('the gates', () => {
  it.each([
    ['nothing', '', 'invalid_json'],
    ['half an object', '{"type":', 'invalid_json'],
    ['NaN', '{"type":"ping","data":{"x":NaN}}', 'invalid_json'],
    ['two values', '{} {}', 'invalid_json'],
    ['a byte order mark', '\uFEFF{"type":"ping"}', 'invalid_json'],
    ['a lone surrogate', '{"type":"ping","data":{"x":"\\ud800"}}', 'invalid_json'],
    ['a lone surrogate in a name', '{"type":"ping","data":{"\\udfff":1}}', 'invalid_json'],
    ['a number beyond binary64', '{"type":"ping","data":{"x":1e999}}', 'invalid_json'],
    [
      '10,000 levels',
      `{"type":"ping","data":{"x":${'['.repeat(1e4)}${']'.repeat(1e4)}}}`,
      'invalid_json',
    ],
    ['an array', '[]', 'invalid_envelope'],
    ['null', 'null', 'invalid_envelope'],
    ['no type', '{}', 'invalid_envelope'],
    ['an upper-case type', '{"type":"Ping"}', 'invalid_envelope'],
    ['a prototype in place of a type', '{"__proto__":{"type":"ping"}}', 'invalid_envelope'],
    ['a number as data', '{"type":"ping","data":1}', 'invalid_envelope'],
    ['null as data', '{"type":"ping","data":null}', 'invalid_envelope'],
    ['an id with a space', '{"type":"ping","id":"a b"}', 'invalid_envelope'],
    ['a room with a space', '{"type":"ping","room":"a b"}', 'invalid_envelope'],
    ['a type of servers', '{"type":"welcome"}', 'unknown_type'],
    ['a method of Object', '{"type":"constructor"}', 'unknown_type'],
    ['an unannounced type', '{"type":"broadcast","data":{}}', 'unsupported'],
    ['an unannounced frame', Buffer.from([1, 0, 2, 123, 125]), 'unsupported'],
    ['a chat without a room', '{"type":"chat","data":{"text":"x"}}', 'invalid_payload'],
    ['a chat without a text', '{"type":"chat","room":"r"}', 'invalid_payload'],
    ['a direct to a number', '{"type":"direct","data":{"to":1,"text":"x"}}', 'invalid_payload'],
    ['a chat from outside', '{"type":"chat","room":"r","data":{"text":"x"}}', 'not_in_room'],
  ])('answer %s', async (_what, message, code) => {
    expect(await codes(message, '{"type":"ping"}')).toEqual([code, 'ok']);
  });

  it('accept 32 levels, and not 33', async () => {
    const nested = (levels: number) =>
      `{"type":"ping","data":{"x":${'['.repeat(levels - 2)}${']'.repeat(levels - 2)}}}`;
    expect(await codes(nested(32), nested(33))).toEqual(['ok', 'invalid_json']);
  });

  it('refer to a valid id and room whatever else is wrong', async () => {
    const { connect } = await world();
    const ann = await connect('ann');
    ann.take();
    await ann.send('{"type":"chat","id":"7","room":"r","data":{"text":"\\ud800"}}');
    await ann.send('{"type":"chat","id":"8","room":"r","data":[]}');
    await ann.send('{"type":"chat","id":"no good","room":"r"}');
    expect(ann.take().map(({ ref, room }) => [ref, room])).toEqual([
      ['7', 'r'],
      ['8', 'r'],
      [undefined, 'r'],
    ]);
  });

  it('ack nothing that has no id, and answer every ping', async () => {
    const { connect } = await world();
    const ann = await connect('ann');
    ann.take();
    await ann.send({ type: 'join', room: 'r' });
    await ann.send({ type: 'ping', data: { a: [1, { b: null }] } });
    expect(ann.take()).toMatchObject([{ type: 'pong', data: { a: [1, { b: null }] } }]);
  });
});

describe('the budget of protocol errors', () => {
  it('tolerates all but the last, which is answered and then closes', async () => {
    const limits = { max_protocol_errors: 3, protocol_error_window_ms: 100 };
    const { connect, pass } = await world({ limits });
    const ann = await connect('ann');
    await ann.send('{');
    pass(50);
    await ann.send('{');
    pass(50);
    await ann.send('{');
    expect(ann.closing).toBeNull();
    ann.take();
    await ann.send('{');
    expect(ann.take()).toMatchObject([{ type: 'error', data: { code: 'invalid_json' } }]);
    expect(ann.closing).toEqual({ code: 4000, reason: 'too_many_protocol_errors' });
  });

  it('is not spent by other errors', async () => {
    const { connect } = await world({ limits: { max_protocol_errors: 1 } });
    const ann = await connect('ann');
    await ann.send({ type: 'chat', room: 'r', data: { text: 'x' } });
    expect(ann.closing).toBeNull();
  });
});

describe('limits', () => {
  it('measure a text in bytes', async () => {
    const { connect } = await world({ limits: { max_text_bytes: 6 } });
    const ann = await connect('ann');
    await ann.send({ type: 'join', room: 'r' });
    ann.take();
    await ann.send({ type: 'chat', id: '1', room: 'r', data: { text: '€€' } });
    await ann.send({ type: 'chat', id: '2', room: 'r', data: { text: '€€!' } });
    expect(ann.take()).toMatchObject([
      { type: 'chat' },
      { type: 'ack', ref: '1' },
      { ref: '2', data: { code: 'invalid_payload', path: '/data/text', limit: 6 } },
    ]);
  });

  it('count rooms per connection', async () => {
    const { connect } = await world({ limits: { max_rooms: 1 } });
    const ann = await connect('ann');
    const join = (room: string) => ann.send({ type: 'join', id: room, room });
    await join('a');
    await join('a');
    await join('b');
    await ann.send({ type: 'leave', room: 'a' });
    await join('b');
    expect(ann.take().map(({ type, data }) => data['code'] ?? type)).toEqual([
      'welcome',
      'ack',
      'ack',
      'too_many_rooms',
      'ack',
    ]);
  });

  it('count connections per user', async () => {
    const { connect } = await world({ limits: { max_connections_per_user: 1 } });
    const first = await connect('ann');
    const second = await connect('ann');
    expect(first.closing).toBeNull();
    expect(second.closing).toEqual({ code: 4005, reason: 'connection_limit' });
    expect(second.inbox).toEqual([]);
    expect((await connect('bob')).closing).toBeNull();
  });
});
