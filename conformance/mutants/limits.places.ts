import { setTimeout } from 'node:timers/promises';
import type { Broker } from '#server/broker/broker.js';
import { refuse } from '#server/errors.js';
import type { Parts } from '#server/parts.js';
import type { Connection, Core, Incoming } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';

/** What the room gate refuses besides. */
const refusing =
  (full: (core: Core, connection: Connection, incoming: Incoming) => boolean): Mutant['parts'] =>
  ({ gates }: Parts) => ({
    gates: {
      room(core, connection, incoming) {
        const { request, at } = incoming;
        return request.type === 'join' && full(core, connection, incoming)
          ? refuse(core, connection, request, at, 'too_many_rooms', 'Leave a room first.')
          : gates.room(core, connection, incoming);
      },
    },
  });

const full = (core: Core, rooms: number) => rooms >= core.config.limits.max_rooms;

// Connections whose place is not given back.
const lost = new Set<string>();

const keeping = (right: Broker): Partial<Broker> => ({
  exit(who, partings, reason, at) {
    const left = right.exit(who, partings, reason, at);
    if (lost.delete(who.connection)) void right.enter(who, Number.POSITIVE_INFINITY, at);
    return left;
  },
});

// Looks at the count, lets a moment pass, and raises it.
function lookingFirst(right: Broker): Partial<Broker> {
  const counts = new Map<string, number>();
  const add = (user: string, by: number) => counts.set(user, (counts.get(user) ?? 0) + by);
  return {
    async enter(who, limit, at) {
      if ((counts.get(who.user) ?? 0) >= limit) return false;
      await setTimeout(20);
      add(who.user, 1);
      return right.enter(who, Number.POSITIVE_INFINITY, at);
    },
    exit(who, partings, reason, at) {
      add(who.user, -1);
      return right.exit(who, partings, reason, at);
    },
  };
}

/** Faults in counting rooms and connections. */
export const places: readonly Mutant[] = [
  mutant(
    'limits-rooms-over-refused',
    'every-leave-counted',
    'Each leave frees a place, also one of a room that the connection is not in.',
    ({ limits: right, steps }) => {
      const freed = new WeakMap<Connection, number>();
      return {
        limits: {
          roomLeft: (connection, config) =>
            right.roomLeft(connection, config) ||
            connection.rooms.size - (freed.get(connection) ?? 0) < config.limits.max_rooms,
        },
        steps: {
          leave(core, connection, incoming) {
            if (!connection.rooms.has(String(incoming.request.room)))
              freed.set(connection, (freed.get(connection) ?? 0) + 1);
            return steps['leave']?.(core, connection, incoming) ?? [];
          },
        },
      };
    },
  ),
  mutant(
    'limits-rooms-reached',
    'rooms-of-user-counted',
    'The rooms of all connections of a user are counted together.',
    refusing((core, connection, { request }) => {
      if (connection.rooms.has(String(request.room))) return false;
      let count = 0;
      for (const { rooms } of core.users.get(connection.grant.user) ?? []) count += rooms.size;
      return full(core, count);
    }),
  ),
  mutant(
    'limits-rooms-rejoin-free',
    'return-takes-a-place',
    'A join with `since` needs a free place, also in a room that one is in.',
    refusing((core, { rooms }, { request }) => 'since' in request.data && full(core, rooms.size)),
  ),
  mutant(
    'limits-rooms-rejoin-free',
    'every-join-counted',
    'Each join counts as a room.',
    (parts) => {
      const counts = new WeakMap<Connection, number>();
      const gate = refusing(
        (core, connection, { request }) =>
          !connection.rooms.has(String(request.room)) && full(core, counts.get(connection) ?? 0),
      );
      return {
        ...gate(parts),
        steps: {
          join(core, connection, incoming) {
            counts.set(connection, (counts.get(connection) ?? 0) + 1);
            return parts.steps['join']?.(core, connection, incoming) ?? [];
          },
          leave(core, connection, incoming) {
            const count = counts.get(connection) ?? 0;
            if (connection.rooms.has(String(incoming.request.room)))
              counts.set(connection, count - 1);
            return parts.steps['leave']?.(core, connection, incoming) ?? [];
          },
        },
      };
    },
  ),
  mutant(
    'limits-connections-over-closed',
    'place-looked-for-first',
    'The count of connections is looked at, and raised a moment later.',
    () => ({}),
    { broker: lookingFirst },
  ),
  ...(
    [
      ['silent', 'itself ends for its silence', 4201],
      ['oversized', 'closes for a message that is too large', 1009],
      ['erring', 'closes for its protocol errors', 4000],
      ['slow', 'closes because it does not read', 4102],
    ] as const
  ).map(([name, why, code]) =>
    mutant(
      'limits-connections-freed',
      `place-of-the-${name}-kept`,
      `A connection that the server ${why} keeps its place.`,
      ({ logs }) => ({
        logs: {
          disconnect(core, connection, closing) {
            if (closing.code === code) lost.add(connection.id);
            return logs.disconnect(core, connection, closing);
          },
        },
      }),
      { broker: keeping },
    ),
  ),
];
