import { describe, expect, it } from 'vitest';
import { slowest } from './delays.js';
import { lost } from './loss.js';
import type { Message } from './message.js';
import type { Peer } from './peer.js';

const TIMEOUT_MS = 300;

const peer = (members: object) =>
  ({
    label: 'ann',
    openedAt: 1_000,
    respondedAt: 1_010,
    autoPong: true,
    pingsReceived: [],
    said: [],
    log: [],
    ...members,
  }) as unknown as Peer;

const closed = (code: number, reason = '', by = 'frame', at = 2_000) => ({
  closed: { code, reason, by, at, detail: `closed with ${code}` },
});
const auth = { said: [{ type: 'auth', at: 1_020, id: 'a1' }] };

describe('the end by a timer', () => {
  it.each([
    ['by its heartbeat', closed(4201), 'heartbeat'],
    ['by a library for a late Pong', closed(1011, 'keepalive ping timeout'), 'heartbeat'],
    ['without a word, after that time', closed(1006, '', 'fin'), 'heartbeat'],
    [
      'for want of an auth that was sent',
      { ...auth, ...closed(4001, 'auth_timeout') },
      'authentication',
    ],
  ])('of a connection %s', (_, members, chapter) => {
    expect(lost(peer(members), TIMEOUT_MS, true)?.chapter).toBe(chapter);
  });

  it.each([
    ['for another reason', closed(4001, 'token_invalid')],
    ['for want of an auth that was not sent', closed(4001, 'auth_timeout')],
    ['after its welcome', { ...auth, welcomed: true, ...closed(4001, 'auth_timeout') }],
    ['too early', closed(1006, '', 'fin', 1_100)],
    ['whose Pings we left alone', { autoPong: false, ...closed(4201) }],
  ])('is none of a connection %s', (_, members) => {
    expect(lost(peer(members), TIMEOUT_MS, true)).toBeUndefined();
  });
});

describe('the slowest answer', () => {
  const reply = (ref: string, at: number) => ({ message: { type: 'ack', ref } as Message, at });
  const ask = (id: string, at: number) => ({ type: 'chat', id, at });

  it('is that to a handshake', () => {
    expect(slowest([peer({}), peer({ respondedAt: 1_400 })])).toBe(400);
    expect(slowest([peer({ respondedAt: undefined })])).toBe(0);
  });

  it('is that to a request, while no other is under way', () => {
    const said = [ask('1', 1_100), ask('2', 1_200), ask('3', 1_210), ask('4', 2_000)];
    const log = [reply('1', 1_150), reply('2', 1_300), reply('3', 1_900), reply('4', 2_050)];
    expect(slowest([peer({ said, log })])).toBe(100);
    expect(slowest([peer({ said, log: log.slice(0, 1) })])).toBe(50);
  });
});
