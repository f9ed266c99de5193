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
  mutant(
    'rooms-members-complete',
    'members-in-a-plain-object',
    'The users of a room are members of a plain object, in which `__proto__` is nobody.',
    ({ rooms }) => ({
      rooms: {
        snapshot(users, own) {
          const { members, count } = rooms.snapshot(users, own);
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
