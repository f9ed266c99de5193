import { describe, expect, it } from 'vitest';
import core from './examples/welcome.server/accept/core.json' with { type: 'json' };
import { validateAck, validateBody, validateClient, validateServer } from './validate.js';

const chat = { type: 'chat', room: 'lounge', data: { text: 'Hello' } };
const timestamp = '2025-03-01T12:00:00.000Z';
const event = { type: 'chat', timestamp, id: 'e', room: 'r', from: 'ann', seq: 1 };

describe('a validator', () => {
  it('names a type that is not registered, whatever its name', () => {
    for (const type of ['shout', 'toString', '__proto__', 'envelope.client', ''])
      expect(validateServer(type, {})).toEqual({
        path: '/type',
        message: 'is no registered type of a server message',
      });
    expect(validateClient('welcome', {})?.path).toBe('/type');
  });

  it('names a request that is never acknowledged', () => {
    expect(validateAck('ping', {})?.message).toContain('ping is not acknowledged');
  });

  it('takes requests without data as requests with {}', () => {
    expect(validateClient('ping', { type: 'ping' })).toBeNull();
    expect(validateClient('chat', { type: 'chat', room: 'lounge' })).toEqual({
      path: '/data/text',
      message: 'is missing',
    });
  });

  it('does not find members in the prototype', () => {
    const inherited = Object.create({ text: 'Hello' });
    expect(validateClient('chat', { ...chat, data: inherited })?.path).toBe('/data/text');
  });

  it('is not fooled by members with the names of the prototype', () => {
    const message = JSON.parse('{"type":"ping","data":{"__proto__":{"a":1},"constructor":1}}');
    expect(validateClient('ping', message)).toBeNull();
  });

  it('bounds integers', () => {
    for (const seq of [0, -1, 1.5, 1e300, 2 ** 53, '1', null])
      expect(validateServer('chat', { ...event, seq, data: { text: 'x' } })?.path).toBe('/seq');
    expect(validateServer('chat', { ...event, seq: 2 ** 53 - 1, data: { text: 'x' } })).toBeNull();
  });

  it.each([
    'max_text_bytes',
    'max_rooms',
    'max_listed_members',
    'max_connections_per_user',
    'max_protocol_errors',
  ])('takes a %s of 1, and none of 0, with which nobody could do anything', (name) => {
    const welcome = (value: number) => ({
      ...core,
      data: { ...core.data, limits: { ...core.data.limits, [name]: value } },
    });
    expect(validateServer('welcome', welcome(1))).toBeNull();
    expect(validateServer('welcome', welcome(0))).toEqual({
      path: `/data/limits/${name}`,
      message: 'must be >= 1',
    });
  });

  it('points with JSON Pointers', () => {
    expect(validateServer('chat', { ...event, data: { text: 'x', 'a/b~c': 1 } })).toEqual({
      path: '/data/a~1b~0c',
      message: 'is no member of this object',
    });
  });

  it('gives all types of applications one schema', () => {
    expect(validateClient('x.poll.vote', { type: 'x.poll.vote' })).toBeNull();
    expect(validateServer('x.poll', { type: 'x.poll', timestamp, data: {} })).toBeNull();
    expect(validateAck('x.poll', { type: 'ack', timestamp, ref: 'a', data: { n: 1 } })).toBeNull();
  });

  it('judges the bodies of HTTP answers', () => {
    const body = { status: 'healthy', active_connections: 0, timestamp };
    expect(validateBody('health', body)).toBeNull();
    expect(validateBody('health', { ...body, status: 'ok' })).toEqual({
      path: '/status',
      message: 'must be one of healthy, draining, degraded',
    });
  });

  it('counts code points, not UTF-16 units', () => {
    const welcome = (user: string) =>
      validateClient('direct', { type: 'direct', data: { to: user, text: 'x' } });
    expect(welcome('👩'.repeat(255))).toBeNull();
    expect(welcome('👩'.repeat(256))?.path).toBe('/data/to');
  });
});
