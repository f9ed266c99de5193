import type { Outgoing, Request } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';

/** Replies that carry the `room` of their request where these say so. */
const copying =
  (where: (reply: Outgoing, request: Request) => boolean): Mutant['parts'] =>
  ({ messages }) => ({
    messages: {
      reply(request, type, data, at) {
        const right = messages.reply(request, type, data, at);
        const { room } = request;
        return right && room !== undefined && where(right, request) ? { ...right, room } : right;
      },
    },
  });

/** Replies without the `room` of their request where these say so. */
const withoutRoom =
  (where: (reply: Outgoing, request: Request) => boolean): Mutant['parts'] =>
  ({ messages }) => ({
    messages: {
      reply(request, type, data, at) {
        const right = messages.reply(request, type, data, at);
        if (!right || !where(right, request)) return right;
        const { room: _, ...rest } = right;
        return rest;
      },
    },
  });

const of = (code: string) => (reply: Outgoing) => reply.data['code'] === code;

/** Faults in which replies carry a `room`. */
export const rooms: readonly Mutant[] = [
  mutant(
    'messages-schema-valid',
    'pong-with-room',
    'A pong wears the room of its ping.',
    copying(({ type }) => type === 'pong'),
  ),
  mutant(
    'messages-room-on-replies',
    'unknown-type-with-room',
    'The error for an unknown type carries whatever room the message had.',
    copying(of('unknown_type')),
  ),
  mutant(
    'messages-room-on-replies',
    'limited-binary-without-room',
    'The error for a binary message over the rate does not name the room.',
    withoutRoom((reply, request) => request.type === 'binary' && of('rate_limited')(reply)),
  ),
  mutant(
    'messages-room-on-replies',
    'every-error-with-room',
    'An error about a request that belongs to no room carries the room that it had.',
    copying(
      ({ type }, request) => type === 'error' && ['direct', 'broadcast'].includes(request.type),
    ),
  ),
];
