import type { Operation, OperationName, Script } from './script.js';

/** One operation on one line: name, client, parameters; it waits for its reply unless it says otherwise. */
const op = (name: OperationName, client: number, rest: Partial<Operation> = {}): Operation => ({
  op: name,
  client,
  wait: 1,
  ...rest,
});

/** Clients by their users. */
const users = (...numbers: number[]): Script['clients'] => numbers.map((user) => ({ user }));

/** The same operation for each of several clients, all at once. */
const all = (name: OperationName, clients: number[], rest: Partial<Operation> = {}): Operation[] =>
  clients.map((client, index) =>
    op(name, client, { wait: index === clients.length - 1 ? 2 : 0, ...rest }),
  );

/** Conversations that run first: each is about something that has been got wrong before. */
export const corpus: readonly Script[] = [
  // A join and a leave of the same user, on two connections, at once, while somebody watches.
  {
    clients: users(0, 1, 1),
    rooms: 1,
    ops: [
      op('join', 0),
      op('join', 1),
      op('leave', 1, { wait: 0 }),
      op('join', 2, { wait: 2 }),
      op('members', 0),
    ],
  },
  // Everyone enters an empty room at once.
  { clients: users(0, 1, 2, 3), rooms: 1, ops: all('join', [0, 1, 2, 3]) },
  // Everyone leaves at once, and one comes back.
  {
    clients: users(0, 1, 2),
    rooms: 1,
    ops: [...all('join', [0, 1, 2]), ...all('leave', [0, 1, 2]), op('join', 1)],
  },
  // A user who is lost and back before the loss is noticed.
  {
    clients: users(0, 1),
    rooms: 1,
    ops: [
      ...all('join', [0, 1]),
      op('kill', 1, { wait: 0 }),
      op('open', 1),
      op('join', 1),
      op('chat', 1),
    ],
  },
  // The last connection of a user goes while another of the same user comes.
  {
    clients: users(0, 1, 1),
    rooms: 1,
    ops: [op('join', 0), op('join', 1), op('kill', 1, { wait: 0 }), op('join', 2), op('chat', 2)],
  },
  // Two senders, many messages, no pause.
  {
    clients: users(0, 1, 2),
    rooms: 1,
    ops: [
      ...all('join', [0, 1, 2]),
      op('chat', 0, { wait: 0 }),
      op('chat', 1, { wait: 0 }),
      op('chat', 0, { wait: 0 }),
      op('chat', 1, { wait: 0 }),
      op('chat', 0, { wait: 0 }),
      op('chat', 1, { wait: 2 }),
    ],
  },
  // Messages while somebody joins, and while somebody leaves.
  {
    clients: users(0, 1),
    rooms: 1,
    ops: [
      op('join', 0),
      op('chat', 0, { wait: 0 }),
      op('join', 1, { wait: 0 }),
      op('chat', 0, { wait: 0 }),
      op('chat', 0, { wait: 2 }),
      op('chat', 0, { wait: 0 }),
      op('leave', 1, { wait: 0 }),
      op('chat', 0, { wait: 2 }),
    ],
  },
  // Rooms whose names differ in case.
  {
    clients: users(0, 1),
    rooms: 2,
    ops: [op('join', 0), op('join', 1, { room: 1 }), op('chat', 0), op('chat', 1, { room: 1 })],
  },
  // A join of a room one is in.
  {
    clients: users(0, 1),
    rooms: 1,
    ops: [
      ...all('join', [0, 1]),
      op('join', 1),
      op('chat', 0),
      op('join', 1, { wait: 0 }),
      op('chat', 0),
    ],
  },
  // Typing begins, ends, and is ended.
  {
    clients: users(0, 1),
    rooms: 1,
    ops: [
      ...all('join', [0, 1]),
      op('typing', 0),
      op('typing', 0, { active: 1 }),
      op('typing', 1),
      op('chat', 1),
    ],
  },
  // Typing before somebody joins.
  {
    clients: users(0, 1, 2),
    rooms: 1,
    ops: [...all('join', [0, 1]), op('typing', 0), op('join', 2), op('typing', 2)],
  },
  // Typing that nothing ends.
  {
    clients: users(0, 1, 2),
    rooms: 1,
    ops: [...all('join', [0, 1, 2]), ...all('typing', [0, 1, 2])],
  },
  // Messages without an id, inside and outside.
  {
    clients: users(0, 1),
    rooms: 1,
    ops: [
      op('chat', 1, { bare: 1, wait: 0 }),
      ...all('join', [0, 1]),
      op('chat', 0, { bare: 1, wait: 0 }),
      op('ping', 0, { bare: 1 }),
      op('chat', 1),
    ],
  },
  // An error between two messages takes no number.
  {
    clients: users(0, 1),
    rooms: 1,
    ops: [
      ...all('join', [0, 1]),
      op('chat', 0),
      op('fault', 0),
      op('fault', 0, { fault: 2, bare: 1 }),
      op('chat', 0),
    ],
  },
  // Every mistake, one after the other.
  {
    clients: users(0),
    rooms: 1,
    ops: [
      op('join', 0),
      ...Array.from({ length: 16 }, (_, fault) => op('fault', 0, { fault: fault * 19 })),
    ],
  },
  // A burst above the rate, then a ping.
  {
    clients: users(0, 1),
    rooms: 1,
    ops: [...all('join', [0, 1]), op('flood', 0, { wait: 0 }), op('ping', 0)],
  },
  // Two connections share what their user may send.
  {
    clients: users(0, 0, 1),
    rooms: 1,
    ops: [
      ...all('join', [0, 1, 2]),
      op('chat', 0, { wait: 0 }),
      op('chat', 1, { wait: 0 }),
      op('flood', 1),
    ],
  },
  // A slow reader.
  {
    clients: users(0, 1),
    rooms: 1,
    ops: [
      ...all('join', [0, 1]),
      op('pause', 1, { wait: 0 }),
      op('chat', 0),
      op('chat', 0),
      op('chat', 0),
      op('read', 1, { wait: 0 }),
      op('chat', 0),
    ],
  },
  // Half a message.
  {
    clients: users(0, 1),
    rooms: 1,
    ops: [...all('join', [0, 1]), op('cut', 1, { wait: 0 }), op('chat', 0), op('members', 0)],
  },
  // Direct messages: in order, to oneself, to nobody.
  {
    clients: users(0, 1, 1),
    rooms: 1,
    ops: [
      op('direct', 0, { user: 1, wait: 0 }),
      op('direct', 0, { user: 1, wait: 0 }),
      op('direct', 0, { user: 1 }),
      op('direct', 1, { user: 1 }),
      op('direct', 0, { user: 3 }),
    ],
  },
  // A direct message to somebody who is just leaving.
  {
    clients: users(0, 1),
    rooms: 1,
    ops: [
      op('close', 1, { wait: 0 }),
      op('direct', 0, { user: 1 }),
      op('open', 1),
      op('direct', 0, { user: 1 }),
    ],
  },
  // Broadcasts with and without the scope.
  {
    clients: users(0, 1, 2),
    rooms: 1,
    ops: [op('broadcast', 0), op('broadcast', 1), op('broadcast', 2)],
  },
  // Binary messages between chats.
  {
    clients: users(0, 1),
    rooms: 1,
    ops: [
      op('binary', 1),
      ...all('join', [0, 1]),
      op('chat', 0, { wait: 0 }),
      op('binary', 0, { text: 3, meta: 1, wait: 0 }),
      op('chat', 0, { wait: 0 }),
      op('binary', 1, { text: 0 }),
    ],
  },
  // A request again: at once, on another connection, with other content.
  {
    clients: users(0, 0, 1),
    rooms: 1,
    ops: [
      ...all('join', [0, 1, 2]),
      op('chat', 0, { wait: 0 }),
      op('repeat', 0, { wait: 0 }),
      op('repeat', 1),
      op('repeat', 1, { other: 1 }),
      op('repeat', 0),
    ],
  },
  {
    clients: users(0, 0, 1),
    rooms: 1,
    ops: [
      ...all('join', [0, 2]),
      op('chat', 0),
      op('repeat', 1),
      op('repeat', 1, { wait: 0 }),
      op('repeat', 0, { other: 1 }),
    ],
  },
  // A request that was refused, again: this time it counts.
  {
    clients: users(0, 1),
    rooms: 1,
    ops: [op('join', 1), op('chat', 0), op('join', 0), op('repeat', 0)],
  },
  // A return after a loss: what was missed, nothing missed, from the beginning, from a future, of another epoch.
  {
    clients: users(0, 1),
    rooms: 1,
    ops: [
      ...all('join', [0, 1]),
      op('chat', 0),
      op('kill', 1, { wait: 0 }),
      op('chat', 0),
      op('chat', 0),
      op('open', 1),
      op('join', 1, { since: 1 }),
      op('leave', 1),
      op('join', 1, { since: 1 }),
      op('leave', 1),
      op('join', 1, { since: 2 }),
      op('leave', 1),
      op('join', 1, { since: 3 }),
      op('leave', 1),
      op('join', 1, { since: 4 }),
    ],
  },
  // A return while others talk, and a member who catches up.
  {
    clients: users(0, 1),
    rooms: 1,
    ops: [
      ...all('join', [0, 1]),
      op('chat', 0),
      op('kill', 1, { wait: 0 }),
      op('open', 1),
      op('chat', 0, { wait: 0 }),
      op('join', 1, { since: 1, wait: 0 }),
      op('chat', 0, { wait: 0 }),
      op('chat', 0, { wait: 2 }),
      op('join', 1, { since: 2, wait: 0 }),
      op('chat', 0),
    ],
  },
];
