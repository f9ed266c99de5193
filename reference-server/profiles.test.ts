import { describe, expect, it } from 'vitest';
import { validateServer } from '#schemas/validate.js';
import type { Listener } from './broker/broker.js';

import { aloneInMemory } from './core.js';
import { type Client, world } from './fixtures/core.js';
import { drain } from './shutdown.js';

const binary = (header: object | string, payload = '', version = 1) => {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.from([version, text.length >> 8, text.length & 255]);
  return Buffer.concat([prefix, text, Buffer.from(payload)]);
};

const join = (client: Client, room: string) => client.send({ type: 'join', room });

describe('direct', () => {
  it('reaches each connection of one user', async () => {
    const { connect } = await world();
    const [ann, one, two, eve] = [
      await connect('ann'),
      await connect('bob'),
      await connect('bob'),
      await connect('eve'),
    ];
    for (const client of [ann, one, two, eve]) client.take();
    await ann.send({ type: 'direct', id: '1', data: { to: 'bob', text: 'psst', user: 'x' } });
    const [ack] = ann.take();
    const [event, ...more] = one.take();
    expect(event).toMatchObject({ from: 'ann', data: { to: 'bob', text: 'psst' } });
    expect(event?.['id']).toBe(ack?.data['id']);
    expect(validateServer('direct', event)).toBeNull();
    expect(more).toEqual([]);
    expect(two.take()).toEqual([event]);
    expect(eve.take()).toEqual([]);
    await ann.send({ type: 'direct', id: '2', data: { to: 'nobody', text: 'x' } });
    expect(ann.take()).toMatchObject([{ ref: '2', data: { code: 'recipient_unavailable' } }]);
  });
});

describe('broadcast', () => {
  it('reaches everyone, and needs exactly its scope', async () => {
    const { connect } = await world();
    const ann = await connect('ann', { scopes: ['parlor:broadcast'] });
    const bob = await connect('bob', { scopes: ['parlor:broadcasts', 'x.parlor:broadcast'] });
    ann.take();
    bob.take();
    await ann.send({ type: 'broadcast', data: { text: 'all' } });
    expect(ann.take()).toEqual(bob.take());
    await bob.send({ type: 'broadcast', data: { text: 'all' } });
    expect(bob.take()).toMatchObject([{ data: { code: 'forbidden' } }]);
    expect(ann.take()).toEqual([]);
  });
});

describe('another instance', () => {
  it.each([
    [['operations'], []],
    [
      ['direct', 'broadcast'],
      ['direct', 'broadcast'],
    ],
  ])('reaches those of one that announces %j with %j', async (features, types) => {
    let told: Listener | undefined;
    const { connect } = await world({ features }, (name, listener, ...more) => {
      told = listener;
      return aloneInMemory(name, listener, ...more);
    });
    const ann = await connect('ann');
    ann.take();
    const rest = { from: 'bob', timestamp: '2030-01-01T00:00:00.000Z' };
    told?.direct('ann', { type: 'direct', id: 'd', ...rest, data: { to: 'ann', text: 'x' } });
    told?.broadcast({ type: 'broadcast', id: 'b', ...rest, data: { text: 'x' } });
    expect(ann.take().map(({ type }) => type)).toEqual(types);
  });
});

describe('binary', () => {
  it('is stamped, numbered with the chats, and relayed byte for byte', async () => {
    const { connect } = await world();
    const ann = await connect('ann');
    await join(ann, 'den');
    ann.take();
    await ann.send({ type: 'chat', room: 'den', data: { text: 'x' } });
    const data = { name: 'f', content_type: 'a/b', user: 'eve' };
    await ann.send(binary({ type: 'binary', id: '1', room: 'den', from: 'eve', data }, 'bytes'));
    const [, event, ack] = ann.take();
    expect(event).toMatchObject({
      type: 'binary',
      from: 'ann',
      seq: 2,
      data: { name: 'f', content_type: 'a/b' },
    });
    expect(validateServer('binary', event)).toBeNull();
    expect(ack?.data).toEqual({ id: event?.['id'], seq: 2 });
  });

  it.each([
    ['too short', Buffer.from([1, 0]), 'invalid_envelope'],
    ['of another version', binary({ type: 'binary', room: 'den' }, '', 2), 'invalid_envelope'],
    ['with a header that is cut', Buffer.from([1, 0, 9, 123]), 'invalid_envelope'],
    ['with a header too long', binary(' '.repeat(16_385)), 'invalid_envelope'],
    ['with no JSON', binary('{'), 'invalid_json'],
    ['with no UTF-8', Buffer.from([1, 0, 2, 0xff, 0xff]), 'invalid_json'],
    ['with another type', binary({ type: 'chat', room: 'den' }), 'invalid_envelope'],
    ['without a room', binary({ type: 'binary' }), 'invalid_payload'],
    ['from outside', binary({ type: 'binary', room: 'den' }), 'not_in_room'],
    ['in a text', '{"type":"binary","room":"den"}', 'invalid_envelope'],
  ])('is refused when %s', async (_what, message, code) => {
    const { connect } = await world();
    const ann = await connect('ann');
    ann.take();
    await ann.send(message);
    expect(ann.take()).toMatchObject([{ type: 'error', data: { code } }]);
  });

  it('is refused when its numbers outgrow the header', async () => {
    const { connect } = await world();
    const ann = await connect('ann');
    await join(ann, 'den');
    const meta = `{"x":[${Array.from({ length: 3_200 }, () => '1e20').join(',')}]}`;
    await ann.send(binary(`{"type":"binary","room":"den","data":{"meta":${meta}}}`));
    expect(ann.take().at(-1)?.data).toMatchObject({ code: 'invalid_payload', path: '/data/meta' });
  });
});

describe('a drain', () => {
  it('tells each connection once, refuses requests, and closes as it said', async () => {
    const { core, connect, pass } = await world({ graceMs: 100 });
    const [ann, bob] = [await connect('ann'), await connect('bob')];
    for (const client of [ann, bob]) await join(client, 'den');
    ann.take();
    bob.take();
    let chance = 0;
    drain(core, 'restart', () => {
      chance += 0.25;
      return chance;
    });
    drain(core, 'restart', () => 0);
    const told = [...ann.take(), ...bob.take()];
    for (const message of told) expect(validateServer('server_shutdown', message)).toBeNull();
    expect(told.map(({ data }) => data['retry_after_ms'])).toEqual([1_250, 2_500]);
    await ann.send({ type: 'chat', id: '1', room: 'den', data: { text: 'x' } });
    await ann.send({ type: 'ping', id: '2' });
    expect(ann.take().map(({ type, data }) => data['code'] ?? type)).toEqual([
      'shutting_down',
      'pong',
    ]);
    pass(100);
    expect(bob.closing).toEqual({ code: 1012, reason: 'server_restart;retry_after_ms=2500' });
    expect([...ann.take(), ...bob.take()]).toEqual([]);
    const late = await connect('eve');
    expect(late.inbox).toEqual([]);
    expect(late.closing?.code).toBe(1012);
  });
});

describe('operations', () => {
  it('count what was accepted, and nothing else', async () => {
    const { core, connect, pass } = await world();
    const ann = await connect('ann');
    await join(ann, 'den');
    const tally = core.counters as never;
    for (const text of ['a', 'b', ''])
      await ann.send({ type: 'chat', room: 'den', data: { text } });
    pass(4_000);
    const stats = () => core.parts.operations.stats(core, tally, core.now());
    expect(stats()).toEqual({
      active_connections: 1,
      total_messages: 2,
      uptime_seconds: 4,
      messages_per_second: 0.5,
    });
    pass(60_000);
    expect(stats().messages_per_second).toBe(0);
    expect(core.parts.operations.health(core, core.now())).toMatchObject({
      status: 200,
      body: { status: 'healthy', active_connections: 1 },
    });
  });

  it('log the four events, without texts', async () => {
    const { log, connect } = await world();
    const ann = await connect('ann');
    await ann.send({ type: 'chat', room: 'den', data: { text: 'secret' } });
    expect(log.map(({ event }) => event)).toEqual([
      'websocket_connect',
      'message_received',
      'websocket_error',
    ]);
    expect(JSON.stringify(log)).not.toContain('secret');
  });
});
