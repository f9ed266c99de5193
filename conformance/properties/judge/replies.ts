import { isObject } from '#conformance/harness/message.js';
import { equal } from './equal.js';
import { type Connection, type Facts, isReply, type Received, type Request } from './facts.js';
import type { Findings } from './findings.js';

/** Finds for each request its reply, and judges what can be said of replies alone. */
export function replies(facts: Facts, findings: Findings): void {
  for (const connection of facts.connections) {
    match(facts, connection, findings);
    missing(facts, connection, findings);
    // Replies come in order: a later one says that everything before was carried out.
    let done = Number.POSITIVE_INFINITY;
    let doneAt = Number.POSITIVE_INFINITY;
    for (const request of connection.requests.toReversed()) {
      if (request.reply && request.reply.n < done) {
        done = request.reply.n;
        doneAt = request.reply.at;
      }
      request.done = done;
      request.doneAt = doneAt;
    }
  }
}

/** Whether a request has to be answered; the others are answered only when they are refused. */
const owed = ({ message, faulty }: Request): boolean =>
  message.id !== undefined || message.type === 'ping' || faulty !== undefined;

const open = (request: Request): boolean => !request.reply;

function match(facts: Facts, connection: Connection, findings: Findings): void {
  for (const received of connection.received) {
    if (!isReply(received.message)) continue;
    const before = connection.requests.filter((each) => each.n < received.n);
    const request =
      received.message.ref === undefined
        ? bare(received, before)
        : before.find((each) => open(each) && each.message.id === received.message.ref);
    if (!request) {
      if (
        received.message.ref !== undefined ||
        received.message.type !== 'error' ||
        !before.some((each) => each.maybeRefused)
      )
        stray(facts, received, before, findings);
      continue;
    }
    request.reply = received;
    findings.saw('messages-one-reply');
    judgeOrder(facts, request, received, before, findings);
    judgeForm(facts, request, received, findings);
  }
}

/** The request that a reply without `ref` answers; a chat that may have been refused is only marked. */
function bare(received: Received, before: Request[]): Request | undefined {
  const { type, data } = received.message;
  const candidates = before.filter(
    (each) => open(each) && (each.message.id === undefined || each.faulty?.loose),
  );
  if (type === 'pong') {
    const pings = candidates.filter((each) => each.message.type === 'ping');
    return pings.find((each) => equal(each.message.data, data)) ?? pings[0];
  }
  if (type !== 'error') return undefined;
  const fault = candidates.find((each) => each.faulty?.codes.includes(data.code ?? ''));
  if (fault) return fault;
  const refusable = candidates.filter((each) => !each.faulty && each.message.type !== 'ping');
  for (const each of refusable) each.maybeRefused = true;
  return refusable.length > 0 ? undefined : candidates[0];
}

function stray(facts: Facts, received: Received, before: Request[], findings: Findings): void {
  const { message, connection, n } = received;
  const who = facts.who(connection);
  const elsewhere = facts.connections
    .filter((each) => each !== connection)
    .flatMap((each) => each.requests)
    .filter((each) => each.n < n && each.message.id === message.ref);
  const own = before.find((each) => each.message.id === message.ref && message.ref !== undefined);
  if (message.type === 'ack' && message.ref === undefined)
    findings.add({
      rule: 'messages-no-ack-without-id',
      expected: 'no ack for a message without id',
      actual: `${who} received an ack without ref`,
      entries: [n],
    });
  else if (own || elsewhere.length === 0)
    findings.add({
      rule: 'messages-one-reply',
      expected: 'one reply to each request',
      actual: own
        ? `${who} received a second ${message.type} with the ref ${message.ref}`
        : `${who} received ${message.type === 'error' ? `the error ${message.data.code}` : `a ${message.type}`} ${message.ref === undefined ? 'without ref' : `with the ref ${message.ref}`}, which answers nothing`,
      entries: [...(own ? [own.n, own.reply?.n ?? own.n] : []), n],
      about: [`request:${connection.number}:${message.ref}`, `room:${message.room}`],
    });
  else
    findings.add({
      rule: 'messages-replies-to-requester-only',
      expected: `the reply with the ref ${message.ref} on the connection that sent the request`,
      actual: `${who} received it and had sent no such request`,
      entries: [elsewhere[0]?.n ?? n, n],
      about: [`request:${elsewhere[0]?.connection.number}:${message.ref}`, `room:${message.room}`],
    });
}

function judgeOrder(
  facts: Facts,
  request: Request,
  received: Received,
  before: Request[],
  findings: Findings,
): void {
  const later = before.find((each) => each.n > request.n && each.reply && each.reply !== received);
  if (before.some((each) => each.n < request.n && owed(each))) findings.saw('messages-reply-order');
  if (!later?.reply) return;
  findings.add({
    rule: 'messages-reply-order',
    expected: `the reply to the ${request.message.type} first: it was sent before the ${later.message.type}`,
    actual: `${facts.who(request.connection)} received the reply to the later request first`,
    entries: [request.n, later.n, later.reply.n, received.n],
    about: [`connection:${request.connection.number}`, `room:${request.message.room}`],
  });
}

const roomTypes = ['join', 'leave', 'members', 'chat', 'typing', 'binary'];

function judgeForm(facts: Facts, request: Request, received: Received, findings: Findings): void {
  const { message, connection } = request;
  const reply = received.message;
  const about = [`request:${connection.number}:${message.id}`];
  if (reply.type === 'pong' && message.type === 'ping') {
    findings.saw('messages-pong-data-equal');
    const data = isObject(message.data) ? message.data : {};
    if (!equal(reply.data, data))
      findings.add({
        rule: 'messages-pong-data-equal',
        expected: `a pong with the data ${JSON.stringify(data)}`,
        actual: `${facts.who(connection)} received a pong with ${JSON.stringify(reply.data)}`,
        entries: [request.n, received.n],
        about,
      });
  }
  if (reply.type === 'pong' || request.faulty || !roomTypes.includes(message.type)) return;
  findings.saw('messages-room-on-replies');
  if (reply.room !== message.room)
    findings.add({
      rule: 'messages-room-on-replies',
      expected: `the room ${facts.name(message.room)} on the ${reply.type} that answers a ${message.type}`,
      actual: `${facts.who(connection)} received it with ${reply.room === undefined ? 'no room' : `the room ${facts.name(reply.room)}`}`,
      entries: [request.n, received.n],
      about,
    });
}

function missing(facts: Facts, connection: Connection, findings: Findings): void {
  const last = connection.requests.findLastIndex((each) => each.reply);
  connection.requests.forEach((request, index) => {
    if (request.reply || !owed(request)) return;
    // A later reply proves at once that this one was passed over; else it may still come.
    const passed = index < last;
    if (!passed && (!facts.final || connection.ending || connection.closed)) return;
    const repeated = connection.requests.some(
      (each) =>
        each !== request && each.message.id === request.message.id && each.message.id !== undefined,
    );
    findings.add({
      rule: repeated
        ? 'messages-repeated-id-answered'
        : request.faulty && request.message.id === undefined
          ? 'messages-error-without-id'
          : request.message.type === 'ping' && request.message.id === undefined
            ? 'messages-ping-answered'
            : 'messages-one-reply',
      expected: `a reply to the ${request.message.type} that ${facts.who(connection)} sent`,
      actual: passed ? 'a later request was answered and this one was not' : 'none came',
      entries: [request.n, connection.requests[last]?.reply?.n ?? request.n],
      about: [
        `request:${connection.number}:${request.message.id}`,
        `connection:${connection.number}`,
        `room:${request.message.room}`,
      ],
      absence: !passed,
    });
  });
}
