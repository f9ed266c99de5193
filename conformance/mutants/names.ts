import type { Connection, Core, Gate, Incoming } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';

/** A gate that throws where a table of the server holds what nobody put there. */
const throwing =
  (
    gate: 'room' | 'rate' | 'type',
    named: (connection: Connection, incoming: Incoming) => string,
  ): Mutant['parts'] =>
  ({ gates }) => ({
    gates: {
      [gate]: ((core: Core, connection: Connection, incoming: Incoming) => {
        if (named(connection, incoming) in {}) throw new TypeError('members.add is not a function');
        return gates[gate](core, connection, incoming);
      }) as Gate,
    },
  });

/** Faults of tables that are plain objects, which have members such as `constructor` from the start. */
export const names: readonly Mutant[] = [
  mutant(
    'rooms-names-any-legal',
    'rooms-in-a-plain-object',
    'The rooms are members of a plain object, so that a room named `constructor` cannot be joined.',
    throwing('room', (_connection, { request }) =>
      request.type === 'join' ? (request.room ?? '-') : '-',
    ),
  ),
  mutant(
    'rooms-names-any-legal',
    'sequences-in-a-plain-object',
    'The numbers of the rooms are members of a plain object, and a chat in `constructor` finds no number.',
    throwing('room', (_connection, { request }) =>
      request.type === 'chat' ? (request.room ?? '-') : '-',
    ),
  ),
  mutant(
    'messages-id-any-legal',
    'requests-in-a-plain-object',
    'The requests under way are members of a plain object, so that the id `constructor` is always known.',
    throwing('type', (_connection, { request }) =>
      request.type === 'ping' ? (request.id ?? '-') : '-',
    ),
  ),
  mutant(
    'chat-acked',
    'quotas-in-a-plain-object',
    'The quotas of the users are members of a plain object, and a user named `constructor` has none.',
    throwing('rate', ({ grant }, { request }) => (request.type === 'chat' ? grant.user : '-')),
  ),
  mutant('chat-acked', 'user-zero-is-nobody', 'A user named `0` counts as none.', ({ gates }) => ({
    gates: {
      rate(core, connection, incoming) {
        if (connection.grant.user === '0') throw new Error('no user');
        return gates.rate(core, connection, incoming);
      },
    },
  })),
  mutant('chat-acked', 'room-zero-is-absent', 'A room named `0` counts as absent.', (parts) => ({
    messages: {
      payload: (request, core) =>
        request.room === '0'
          ? { path: '/room', message: 'is required' }
          : parts.messages.payload(request, core),
    },
  })),
  mutant(
    'chat-acked',
    'user-printed-as-number',
    'A user whose name is a number is printed as one.',
    ({ chat }) => ({
      chat: {
        event(core, connection, incoming, data) {
          const event = chat.event(core, connection, incoming, data);
          return { ...event, from: (Number(event.from) || event.from) as string };
        },
      },
    }),
  ),
  mutant(
    'direct-reaches-nobody-else',
    'direct-to-equal-numbers',
    'Users whose names are equal numbers are one.',
    ({ direct }) => ({
      direct: {
        recipients: (core, to, message) =>
          [...core.users].flatMap(([user, all]) =>
            user !== to && Number(user) === Number(to)
              ? [...all]
              : user === to
                ? [...direct.recipients(core, to, message)]
                : [],
          ),
      },
    }),
  ),
  mutant(
    'rooms-members-complete',
    'members-in-a-plain-object',
    'The users of a room are members of a plain object, in which `__proto__` is nobody.',
    ({ rooms }) => ({
      rooms: {
        snapshot(users, most, own) {
          const { members, count } = rooms.snapshot(users, most, own);
          const table: Record<string, true> = {};
          for (const user of members) table[user] = true;
          return { members: Object.keys(table), count };
        },
      },
    }),
  ),
  mutant(
    'direct-offline-recipient-unavailable',
    'recipients-in-a-plain-object',
    'The users are members of a plain object, so that a direct message to `constructor` finds somebody.',
    () => ({}),
    {
      broker: (right) => ({
        direct(to, message) {
          if (to in {}) throw new TypeError('user is not iterable');
          return right.direct(to, message);
        },
      }),
    },
  ),
  mutant(
    'direct-reaches-nobody-else',
    'direct-to-normalised-user',
    'Users are found by their names in Unicode normalisation form C.',
    ({ direct }) => ({
      direct: {
        recipients: (core, to, message) =>
          [...core.users].flatMap(([user, all]) =>
            user.normalize('NFC') === to.normalize('NFC')
              ? [...(user === to ? direct.recipients(core, to, message) : all)]
              : [],
          ),
      },
    }),
  ),
];
