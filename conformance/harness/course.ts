import type { Message, Received } from './message.js';
import type { Peer } from './peer.js';
import type { Rate } from './welcome.js';

/** A message that a connection sent. */
export interface Said {
  type: string;
  /** When, in milliseconds of `performance.now()`. */
  at: number;
  /** The `id`, where it is a string. */
  id?: string | undefined;
  /** The `room` as it goes over the wire, where it is a string. */
  room?: string | undefined;
}

/** What is to be known of a connection: its user, what it sent, what it received, and how it ended. */
export type Client = Pick<Peer, 'label' | 'user' | 'verified' | 'said' | 'log' | 'closed'>;

/** A request and the first reply to it. */
export interface Exchange {
  client: Client;
  said: Said & { id: string };
  reply: Received | undefined;
}

/** The time that a connection was in a room, as far as its client can know. */
export interface Stay {
  client: Client;
  user: string;
  room: string;
  /** The acknowledgement of the `join`, and when it came. */
  ack: Message;
  from: number;
  /** When the `leave` was sent, the server took the connection out, or it ended; infinite while it lasts. */
  until: number;
  ended: 'left' | 'closed' | 'removed' | undefined;
  /** When the acknowledgement of the `leave` came; infinite where none did. */
  silent: number;
}

/** Everything that the connections of one check said and were told. */
export interface Course {
  readonly clients: readonly Client[];
  readonly exchanges: readonly Exchange[];
  readonly stays: readonly Stay[];
  /** The announced buckets. */
  readonly rates: readonly Rate[];
}

/** The user that a connection stands for. */
export const userOf = ({ user, verified }: Client) =>
  typeof verified === 'string' ? verified : user;

const SILENCE_MS = 1_000;
const ID = /^[A-Za-z0-9._:-]{1,64}$/;

/** Whether a message is an event of a room. */
export const isEvent = ({ type, room }: Message) =>
  ['join', 'leave', 'chat', 'binary', 'typing'].includes(type) && typeof room === 'string';

/** Whether a message is a reply. */
export const isReply = ({ type }: Message) => ['ack', 'error', 'pong'].includes(type);

/** Orders what the connections of a check said and were told by requests and memberships. */
export function courseOf(clients: readonly Client[], rates: readonly Rate[]): Course {
  const byClient = new Map(clients.map((client) => [client, exchangesOf(client)]));
  const exchanges = [...byClient.values()].flat();
  const stays = clients.flatMap((client) => staysOf(client, byClient.get(client) ?? []));
  return { clients, exchanges, stays, rates };
}

/** The other memberships that a user has, had or will have in a room. */
export function staysIn({ stays }: Course, room: unknown, user: unknown): Stay[] {
  return stays.filter((each) => each.room === room && each.user === user);
}

/** The requests of a connection: the first reply with an id answers the first request that had it. */
export function exchangesOf(client: Client): Exchange[] {
  const replies = new Map<unknown, Received[]>();
  for (const each of client.log) {
    const { ref } = each.message;
    if (!isReply(each.message) || ref === undefined) continue;
    const found = replies.get(ref);
    if (found) found.push(each);
    else replies.set(ref, [each]);
  }
  return client.said.flatMap((said) =>
    said.id === undefined || !ID.test(said.id)
      ? []
      : [{ client, said: { ...said, id: said.id }, reply: replies.get(said.id)?.shift() }],
  );
}

function staysOf(client: Client, exchanges: readonly Exchange[]): Stay[] {
  const stays: Stay[] = [];
  const open = new Map<string, Stay>();
  for (const { said, reply } of exchanges) {
    const { room, type } = said;
    if (room === undefined) continue;
    if (type === 'join' && reply?.message.type === 'ack' && !open.has(room)) {
      const stay: Stay = {
        client,
        user: userOf(client),
        room,
        ack: reply.message,
        from: reply.at,
        until: client.closed?.at ?? Number.POSITIVE_INFINITY,
        ended: client.closed && 'closed',
        silent: Number.POSITIVE_INFINITY,
      };
      open.set(room, stay);
      stays.push(stay);
    }
    const stay = open.get(room);
    if (type !== 'leave' || !stay) continue;
    stay.until = said.at;
    stay.ended = 'left';
    if (reply?.message.type === 'ack') stay.silent = reply.at;
    open.delete(room);
  }
  for (const stay of stays) {
    const out = client.log.find(({ message, at }) => at > stay.from && takesOut(message, stay));
    if (out && out.at < stay.until) Object.assign(stay, { until: out.at, ended: 'removed' });
  }
  return stays;
}

// Who is taken out of a room is told of it by a `leave` that names itself.
const takesOut = ({ type, room, data }: Message, stay: Stay) =>
  type === 'leave' && room === stay.room && data.user === stay.user && isRemoval(data.reason);

/** Whether somebody was taken out of a room for this reason. */
export const isRemoval = (reason: unknown) => reason === 'unauthorized' || reason === 'removed';

/** Whether a connection has been served since then, so that what it has not received does not come. */
export const heardSince = ({ log }: Client, at: number) =>
  (log.at(-1)?.at ?? 0) > at || performance.now() - at > SILENCE_MS;
