import {
  type Client,
  type Course,
  type Exchange,
  heardSince,
  isEvent,
  type Stay,
  userOf,
} from './course.js';
import { describe, type Message } from './message.js';
import type { Sign } from './signs.js';

/** Signs in the events of rooms: where they came, how often, under which number and name, and where they did not. */
export function* deliveries(course: Course): Iterable<Sign> {
  const index = indexOf(course);
  for (const client of course.clients) {
    yield* misplaced(course, client);
    yield* numbered(course, client, index.given);
  }
  yield* compared(course);
  for (const stay of course.stays) yield* missed(stay, index.events);
  for (const exchange of course.exchanges) yield* acknowledged(course, exchange, index.copies);
}

interface Copy {
  client: Client;
  at: number;
  message: Message;
}

interface Index {
  /** The events by their id, and by room and `seq`. */
  copies: ReadonlyMap<string, readonly Copy[]>;
  /** The live events of each room, a copy of each. */
  events: ReadonlyMap<unknown, readonly Copy[]>;
  /** Every room and number for which somebody has an event or an acknowledgement. */
  given: ReadonlySet<string>;
}

const keyOf = (...parts: readonly unknown[]) => JSON.stringify(parts);

function indexOf({ clients, exchanges }: Course): Index {
  const copies = new Map<string, Copy[]>();
  const events = new Map<unknown, Copy[]>();
  for (const client of clients) {
    for (const { message, at } of client.log) {
      if (!isSequenced(message)) continue;
      const copy = { client, message, at };
      if (!copies.has(keyOf(message.id))) put(events, message.room, copy);
      put(copies, keyOf(message.id), copy);
      put(copies, keyOf(message.room, message.seq), copy);
    }
  }
  const acked = exchanges.map(({ said, reply }) => keyOf(said.room, reply?.message.data.seq));
  return { copies, events, given: new Set([...copies.keys(), ...acked]) };
}

function put<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const found = map.get(key);
  if (found) found.push(value);
  else map.set(key, [value]);
}

const isSequenced = ({ type, ref, room }: Message) =>
  (type === 'chat' || type === 'binary') && ref === undefined && typeof room === 'string';
const isLive = (message: Message) => isSequenced(message) && message.data.replay !== true;

interface Door {
  /** When each `join` of the room was sent that was not refused. */
  joins: readonly number[];
  /** The first request to join, with its reply. */
  first: Exchange | undefined;
  left: Stay | undefined;
  /** Whether another connection of the user was in the room. */
  tab: boolean;
}

function doorOf({ stays, exchanges }: Course, client: Client, room: unknown): Door {
  const there = stays.filter((each) => each.room === room);
  const requests = exchanges.filter(
    ({ said, client: of }) => of === client && said.type === 'join' && said.room === room,
  );
  const refused = requests.filter(({ reply }) => reply?.message.type === 'error');
  const ids = new Set(refused.map(({ said }) => said.id));
  return {
    joins: client.said.flatMap((said) =>
      said.type === 'join' && said.room === room && !ids.has(said.id ?? '') ? [said.at] : [],
    ),
    first: requests[0],
    left: there.findLast((each) => each.client === client),
    tab: there.some((each) => each.client !== client && each.user === userOf(client)),
  };
}

// Events of rooms that the connection is not in.
function* misplaced(course: Course, client: Client): Iterable<Sign> {
  const doors = new Map<unknown, Door>();
  for (const { message, at } of client.log) {
    if (!isEvent(message) || message.ref !== undefined) continue;
    const { room, type } = message;
    const door = doors.get(room) ?? doorOf(course, client, room);
    doors.set(room, door);
    const { joins, first, left, tab } = door;
    const told = `${client.label} received ${describe(message)}`;
    const asked = joins.filter((each) => each < at);
    if (asked.length === 0) {
      yield { rule: 'rooms-no-leak-to-strangers', told: `${told}, not joined by it`, kind: type };
      if (tab) yield { rule: 'rooms-join-this-connection-only', told: `${told}, as its tab has` };
      continue;
    }
    if (left && left.silent < at && asked.every((each) => each < left.until))
      yield { rule: 'rooms-leave-stops-events', told: `${told} after the ack of its leave` };
    if (first?.reply && at < first.reply.at)
      yield { rule: 'rooms-join-ack-first', told: `${told} before the ack of its join` };
  }
}

// Copies, and steps of `seq`.
function* numbered(
  { clients, stays }: Course,
  client: Client,
  given: Index['given'],
): Iterable<Sign> {
  const seen = new Set<unknown>();
  const last = new Map<Stay, number>();
  const users = new Set(clients.map(userOf));
  for (const { message, at } of client.log) {
    if (!isLive(message)) continue;
    const { type, id, seq, room, from } = message;
    const told = `${client.label} received ${describe(message)}`;
    if (typeof from === 'string' && !users.has(from))
      yield { rule: 'chat-from-verified', told: `${told} from ${from}, whom nobody here is` };
    const copy = keyOf(type, id, seq, room);
    if (seen.has(copy)) {
      const how = `${told} ${seq} a second time`;
      const doubled = client.said.filter((said) => said.type === 'join' && said.room === room);
      if (doubled.length > 1) yield { rule: 'rooms-join-not-doubled', told: how };
      if (type === 'chat') yield { rule: 'chat-delivered-once', told: how };
      else yield { rule: 'binary-delivered-once-as-binary', told: how };
    }
    const stay = stays.find(
      (each) => each.client === client && each.room === room && each.from < at && at < each.until,
    );
    if (!stay || typeof seq !== 'number') continue;
    const before = last.get(stay) ?? stay.ack.data.seq;
    if (typeof before === 'number' && !seen.has(copy) && seq !== before + 1) {
      // A number that somebody has an event for was given, and is missing here for another reason.
      if (seq <= before || !given.has(keyOf(room, before + 1)))
        yield { rule: 'chat-seq-increments', told: `${told} with the seq ${seq} after ${before}` };
    }
    seen.add(copy);
    last.set(stay, seq);
  }
}

// The copies that several connections received of one event.
function* compared({ clients }: Course): Iterable<Sign> {
  const first = new Map<unknown, Message>();
  for (const { log, label } of clients) {
    for (const { message } of log) {
      if (!isSequenced(message) || message.id === undefined) continue;
      const one = first.get(message.id);
      first.set(message.id, one ?? message);
      if (!one) continue;
      const told = `${label} received ${describe(message)} with the id ${message.id}`;
      if (one.seq !== message.seq || one.room !== message.room)
        yield { rule: 'chat-ids-unique', told: `${told}, which another event has` };
      else if (one.timestamp !== message.timestamp || one.from !== message.from)
        yield { rule: 'chat-copies-identical', told: `${told}, unlike the copy of another` };
    }
  }
}

// What others in the room received, and this member did not.
function* missed({ client, room, ack, ended }: Stay, events: Index['events']): Iterable<Sign> {
  const { seq } = ack.data;
  if (ended !== undefined || typeof seq !== 'number') return;
  const got = new Set(client.log.map(({ message: { id } }) => id));
  const speaks = client.said.some((said) => said.type === 'chat' && said.room === room);
  for (const { client: other, message, at } of events.get(room) ?? []) {
    if (got.has(message.id) || !(Number(message.seq) > seq) || !heardSince(client, at)) continue;
    const told = `${client.label} did not receive the ${message.type} that ${other.label} received`;
    if (speaks && message.from === userOf(client)) yield { rule: 'chat-echoed-to-sender', told };
    else yield { rule: 'chat-delivered-to-members', told };
  }
}

// What became of messages that were acknowledged.
function* acknowledged(
  { stays }: Course,
  { client, said, reply }: Exchange,
  index: Index['copies'],
): Iterable<Sign> {
  if ((said.type !== 'chat' && said.type !== 'binary') || reply?.message.type !== 'ack') return;
  const { id, seq, duplicate } = reply.message.data;
  if (duplicate === true || id === undefined || seq === undefined) return;
  const named = index.get(keyOf(id)) ?? [];
  const copies = [...named, ...(index.get(keyOf(said.room, seq)) ?? [])];
  const [event] = (named.length > 0 ? named : copies).map(({ message }) => message);
  if (event && (event.id !== id || event.seq !== seq))
    yield {
      rule: 'chat-ack-matches-event',
      told: `the ack of the ${said.type} ${said.id} says ${JSON.stringify({ id, seq })}, its event ${JSON.stringify({ id: event.id, seq: event.seq })}`,
    };
  const reached = new Set(copies.map((each) => each.client));
  for (const stay of stays) {
    const there = stay.room === said.room && stay.from < said.at && stay.ended === undefined;
    if (!there || reached.has(stay.client) || !heardSince(stay.client, reply.at)) continue;
    const lost = `${stay.client.label} did not receive the ${said.type} ${said.id} of ${client.label}`;
    if (stay.client === client) yield { rule: 'chat-echoed-to-sender', told: lost };
    else yield { rule: 'chat-delivered-to-members', told: lost };
  }
}
