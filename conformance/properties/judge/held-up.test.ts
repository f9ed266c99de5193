import { expect, it } from 'vitest';
import type { Message } from '#conformance/harness/message.js';
import { announced } from '../model/announced.js';
import type { Entry, Trace } from '../trace.js';
import { judge } from './judge.js';

// A server that was held up comes to its timers first: what follows from that is no fault of its own.

const TIMESTAMP = '2025-03-01T12:00:00.000Z';
const [ann, bob] = ['ann.x', 'bob.x'];

const opens = (connection: number, user: string): Entry => ({
  kind: 'open',
  connection,
  client: connection,
  user,
  broadcaster: false,
  instance: 0,
  at: 0,
});
const receives = (at: number, connection: number, message: Partial<Message>): Entry => ({
  kind: 'receive',
  connection,
  message: { type: 'ack', timestamp: TIMESTAMP, data: {}, ...message } as Message,
  at,
});
const sends = (at: number, connection: number, message: Partial<Message>): Entry => ({
  kind: 'send',
  connection,
  message: { type: 'join', data: {}, ...message } as Message,
  at,
});
const closed = (at: number, connection: number): Entry => ({
  kind: 'closed',
  connection,
  code: 4201,
  reason: 'heartbeat_timeout',
  at,
});
const welcome = (connection: number, user: string) =>
  receives(1, connection, {
    type: 'welcome',
    data: { connection_id: `c${connection}`, user } as Message['data'],
  });

const heartbeat = { interval_ms: 400, timeout_ms: 300 };
const causes = (...entries: Entry[]) => {
  const trace: Trace = { namespace: 'x', announced: { ...announced, heartbeat }, entries };
  return judge(trace).causes.map(({ rule }) => rule);
};

const together: Entry[] = [
  opens(0, ann),
  opens(1, bob),
  welcome(0, ann),
  welcome(1, bob),
  sends(2, 1, { room: 'r.x', id: '1' }),
  receives(3, 1, { ref: '1', room: 'r.x', data: { members: [bob], count: 1, seq: 0, epoch: 'e' } }),
  sends(4, 0, { room: 'r.x', id: '2' }),
  receives(5, 1, { type: 'join', room: 'r.x', data: { user: ann } }),
  receives(5, 0, {
    ref: '2',
    room: 'r.x',
    data: { members: [bob, ann], count: 2, seq: 0, epoch: 'e' },
  }),
];
const leaves = (at: number): Entry =>
  receives(at, 0, { type: 'leave', room: 'r.x', data: { user: bob, reason: 'disconnected' } });

it('takes a leave for that of a connection whose end is still on its way', () => {
  expect(causes(...together, leaves(1_700), closed(1_701, 0))).toEqual([]);
  // Before any heartbeat can have failed, it is one too many.
  expect(causes(...together, leaves(100), closed(101, 0))).toContain('rooms-presence-leave');
});

it('takes the code of a heartbeat for the answer to a breach, where there was time for one', () => {
  const breach: Entry = {
    kind: 'end',
    connection: 0,
    how: 'breach',
    breach: {
      label: 'a message over the limit',
      rule: 'limits-message-over-closed',
      codes: [1009],
    },
    at: 20,
  };
  expect(causes(...together, breach, closed(7_000, 0))).toEqual([]);
  expect(causes(...together, breach, closed(30, 0))).toContain('limits-message-over-closed');
});
