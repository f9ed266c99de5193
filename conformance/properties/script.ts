/** What each operation reads, besides the client that performs it. */
export const fields = {
  /** Joins a room; `since`: 0 without, 1 after the last event seen, 2 from the start, 3 in the future, 4 of an unknown epoch. */
  join: ['room', 'since'],
  leave: ['room'],
  members: ['room'],
  /** `bare`: 1 leaves the request's `id` out. */
  chat: ['room', 'text', 'meta', 'bare'],
  typing: ['room', 'active'],
  ping: ['meta', 'bare'],
  direct: ['user', 'text', 'meta'],
  broadcast: ['text', 'meta'],
  binary: ['room', 'text', 'meta'],
  /** Sends the user's last message again with its `id`; `other`: 1 changes its text. */
  repeat: ['other'],
  /** Sends a message that is wrong in one way; `text` is the variant. */
  fault: ['room', 'fault', 'text', 'bare'],
  /** Asks for the members in a message of several frames; `text` is the variant. */
  pieces: ['room', 'text'],
  /** Breaks the rules of frames, so that the server has to end the connection. */
  breach: ['fault'],
  /** Sends more messages at once than the bucket admits, over all connections of the user where it counts them together. */
  flood: ['room'],
  /** Connects the client again if it is not connected. */
  open: [],
  /** Ends the connection with a Close frame. */
  close: [],
  /** Ends the connection with a TCP reset. */
  kill: [],
  /** Sends the first half of a message, then resets. */
  cut: ['room'],
  /** Stops reading the socket, until `read` or the next wait. */
  pause: [],
  read: [],
} as const satisfies Record<string, readonly Field[]>;

/** A parameter of an operation: a small integer, 0 when absent, taken modulo what there is to choose from. */
export type Field =
  | 'room'
  | 'user'
  | 'text'
  | 'meta'
  | 'active'
  | 'since'
  | 'bare'
  | 'other'
  | 'fault';

/** The name of an operation. */
export type OperationName = keyof typeof fields;

/** One step of a conversation. */
export interface Operation extends Partial<Record<Field, number>> {
  op: OperationName;
  client: number;
  /** 0: go on at once; 1: after this operation's reply; 2: after every reply under way; 3: after a turn of the event loop. */
  wait: number;
}

/** A participant of a conversation; it has at most one connection at a time. */
export interface Client {
  /** Clients of the same number are connections of the same user. */
  user: number;
  /** The instance to connect to, modulo their number. */
  at?: number;
  /** 1: not connected until its first `open`. */
  late?: number;
}

/** A conversation as plain JSON. Every script is legal, whatever is deleted from it. */
export interface Script {
  clients: Client[];
  rooms: number;
  ops: Operation[];
}

const names = Object.keys(fields) as OperationName[];
const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0;

/** Reads a script from JSON. @throws Error with one sentence that says what is wrong where */
export function readScript(value: unknown): Script {
  const script = value as Script;
  if (typeof value !== 'object' || value === null || !Array.isArray(script.clients))
    throw new Error(
      `script: an object with clients, rooms and ops is expected, not ${brief(value)}`,
    );
  if (!isCount(script.rooms) || script.rooms < 1)
    throw new Error(`script: rooms is to be an integer from 1, not ${brief(script.rooms)}`);
  if (!Array.isArray(script.ops))
    throw new Error(`script: ops is to be an array, not ${brief(script.ops)}`);
  script.clients.forEach((client, index) => {
    if (!isCount(client?.user))
      throw new Error(`script: clients[${index}].user is to be an integer from 0`);
  });
  script.ops.forEach((op, index) => {
    if (!names.includes(op?.op))
      throw new Error(`script: ops[${index}].op is ${brief(op?.op)}, none of ${names.join(', ')}`);
    for (const [name, each] of Object.entries(op))
      if (name !== 'op' && !isCount(each))
        throw new Error(
          `script: ops[${index}].${name} is to be an integer from 0, not ${brief(each)}`,
        );
  });
  return script;
}

/** A value as an error names it, shortened. */
export function brief(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 80);
}
