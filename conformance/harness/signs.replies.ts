import { errors } from '#schemas/errors.js';
import { type Client, type Course, type Exchange, isReply, staysIn, userOf } from './course.js';
import { describe, type Message, type Received } from './message.js';
import type { RuleId } from './requirements.js';
import type { Sign } from './signs.js';

/** The rules by which requests of each type are acknowledged. */
const ACKED: ReadonlyMap<string, readonly RuleId[]> = new Map<string, readonly RuleId[]>([
  ['join', ['rooms-join-acked']],
  ['leave', ['rooms-leave-acked', 'rooms-leave-idempotent']],
  ['members', ['rooms-members-acked']],
  ['chat', ['chat-acked']],
  ['typing', ['typing-acked']],
  ['direct', ['direct-ack-carries-event-id']],
  ['broadcast', ['broadcast-ack-carries-event-id']],
  ['binary', ['binary-ack-carries-id-and-seq']],
]);

/** What the `data` of an acknowledgement has to carry, by the type of the request. */
const CARRIED: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ['join', ['members', 'count', 'seq', 'epoch']],
  ['members', ['members', 'count']],
  ['chat', ['id', 'seq']],
  ['binary', ['id', 'seq']],
  ['direct', ['id']],
  ['broadcast', ['id']],
]);

const RETRYABLE = new Map<unknown, boolean>(errors.map((row) => [row.code, row.retryable]));

const MALFORMED = new Set<unknown>(
  errors.filter((row) => row.protocolError).map((row) => row.code),
);

/** Signs in what requests were answered with, and in what was not. */
export function* replies(course: Course): Iterable<Sign> {
  const bare = new Map(course.clients.map((client) => [client, bareError(client)]));
  for (const exchange of course.exchanges) {
    const { client, reply } = exchange;
    yield* reply ? answer(course, exchange, reply) : silence(exchange, bare.get(client));
  }
  for (const { log, label } of course.clients) {
    for (const { message } of log) {
      if (message.type === 'ack' && message.ref === undefined)
        yield { rule: 'messages-no-ack-without-id', told: `${label} received an ack without ref` };
      const { code, retryable } = message.data;
      if (message.type === 'error' && RETRYABLE.get(code) === !retryable)
        yield {
          rule: 'errors-retryable',
          told: `${label} received ${code} with retryable ${JSON.stringify(retryable)}`,
        };
    }
  }
  yield* strays(course);
}

// An error that does not say what it answers.
const bareError = ({ log }: Client) =>
  log.find(({ message }) => message.type === 'error' && message.ref === undefined)?.message;

function* silence(
  { client, said: { type, id } }: Exchange,
  bare: Message | undefined,
): Iterable<Sign> {
  // Who is gone is not answered.
  if (client.closed) return;
  // What cannot be read as a binary message has no id that the server could know.
  if (bare && type === 'binary') return;
  const told = `the ${type} ${id} of ${client.label} had no reply`;
  for (const rule of ACKED.get(type) ?? []) yield { rule, told, word: id };
  yield { rule: 'messages-one-reply', told, word: id };
  if (bare) yield { rule: 'errors-ref', told: `${client.label} received ${describe(bare)}` };
}

function* answer(course: Course, exchange: Exchange, { message }: Received): Iterable<Sign> {
  const { client, said } = exchange;
  const told = `${client.label} received ${describe(message)}`;
  const malformed = message.type === 'error' && MALFORMED.has(message.data.code);
  if (said.room !== undefined && ACKED.has(said.type) && !malformed && message.room === undefined)
    yield { rule: 'messages-room-on-replies', told };
  if (message.type === 'ack') {
    const lacking = (CARRIED.get(said.type) ?? []).filter(
      (name) => message.data[name] === undefined,
    );
    if (lacking.length > 0)
      for (const rule of ACKED.get(said.type) ?? [])
        yield { rule, told: `the ack of the ${said.type} ${said.id} lacks ${lacking.join(', ')}` };
    return;
  }
  if (message.type !== 'error') return;
  if (said.type === 'leave' && said.room !== undefined)
    yield { rule: 'rooms-leave-idempotent', told, word: said.id };
  const stay = staysIn(course, said.room, userOf(client)).find(
    (each) => each.client === client && each.from < said.at && said.at < each.until,
  );
  if (!stay) return;
  if (said.type === 'join') yield { rule: 'rooms-join-idempotent', told, word: said.id };
  if (message.data.code === 'not_in_room')
    yield { rule: 'rooms-leave-this-connection-only', told, word: said.id };
}

// Replies to what was asked on another connection, and second replies.
function* strays({ clients, exchanges }: Course): Iterable<Sign> {
  const byId = new Map<unknown, Exchange[]>();
  for (const each of exchanges) byId.set(each.said.id, [...(byId.get(each.said.id) ?? []), each]);
  for (const client of clients) {
    const seen = new Set<unknown>();
    for (const { message } of client.log) {
      const { ref, type } = message;
      if (ref === undefined || !isReply(message)) continue;
      const asked = byId.get(ref) ?? [];
      const told = `${client.label} received ${describe(message)}`;
      const own = asked.filter((each) => each.client === client).length;
      if (own === 0 && asked.length > 0)
        yield { rule: 'messages-replies-to-requester-only', told: `${told}, asked by another` };
      if (asked.length === 0 && type === 'ack' && client.said.some(({ id }) => id === undefined))
        yield { rule: 'messages-no-ack-without-id', told: `${told}, which nobody asked for` };
      if (own === 1 && seen.has(ref))
        yield { rule: 'messages-one-reply', told: `${told} a second time` };
      seen.add(ref);
    }
  }
}
