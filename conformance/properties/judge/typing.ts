import { acked, type Facts, type Received, type Request, refusal } from './facts.js';
import type { Findings } from './findings.js';
import type { Rooms, Stay } from './stays.js';

const NEVER = Number.POSITIVE_INFINITY;

/** Typing reaches the members of other users, bears the right name, and comes from somewhere. */
export function typing(facts: Facts, rooms: Rooms, findings: Findings): void {
  const requests = facts.requests.filter(
    ({ message, faulty }) => message.type === 'typing' && !faulty,
  );
  for (const connection of facts.connections)
    for (const received of connection.received)
      if (received.message.type === 'typing') cause(facts, rooms, requests, received, findings);
  if (!facts.final) return;
  for (const request of requests)
    if (begins(requests, request)) relayed(facts, rooms, requests, request, findings);
}

const isActive = ({ message }: Request | Received) => message.data.active === true;

function cause(
  facts: Facts,
  rooms: Rooms,
  requests: Request[],
  received: Received,
  findings: Findings,
): void {
  const { message, connection, n } = received;
  const { user, active } = message.data;
  const who = facts.who(connection);
  const about = [`room:${message.room}`, `typing:${message.room}:${user}`];
  findings.saw('typing-not-to-oneself');
  if (user === connection.user) {
    findings.add({
      rule: 'typing-not-to-oneself',
      expected: 'typing events of other users',
      actual: `${who} received one of ${facts.name(user)}`,
      entries: [n],
      about,
    });
    return;
  }
  findings.saw('typing-user-stamped');
  const causes = requests.filter(
    (each) =>
      each.n < n &&
      each.message.room === message.room &&
      each.connection.user === user &&
      (active !== true || isActive(each)),
  );
  if (message.from !== user || causes.length === 0) {
    findings.add({
      rule: 'typing-user-stamped',
      expected: `the user who sent a typing${active ? ' with active true' : ''} to ${facts.name(message.room)}`,
      actual: `${who} received one that names ${facts.name(user)}, from ${facts.name(message.from)}`,
      entries: [...causes.map((each) => each.n), n],
      about,
    });
    return;
  }
  const accepted = causes.filter((each) => refusal(each) === undefined);
  const last = causes.at(-1);
  if (accepted.length === 0 && last) {
    findings.add({
      rule: 'errors-nobody-else',
      expected: 'nobody hears of a typing that was answered with an error',
      actual: `${who} received that of ${facts.name(user)}, which was answered with ${refusal(last)}`,
      entries: [last.n, last.reply?.n ?? -1, n],
      about,
    });
    return;
  }
  const stay = rooms.at(connection, message.room ?? '', n);
  if (!stay || !active || !last) return;
  findings.saw('typing-not-to-later-members');
  if (accepted.every((each) => each.done < stay.join.n))
    findings.add({
      rule: 'typing-not-to-later-members',
      expected: 'only typing that begins after the join',
      actual: `${who} received that of ${facts.name(user)}, which was acknowledged before`,
      entries: [last.n, last.done, stay.join.n, stay.joined, n],
      about,
    });
}

/** Whether a request is the first of its user in that room, so that it surely changes something. */
function begins(requests: Request[], request: Request): boolean {
  return (
    isActive(request) &&
    acked(request) &&
    requests.every(
      (each) =>
        each === request ||
        each.connection.user !== request.connection.user ||
        each.message.room !== request.message.room ||
        each.n > request.n,
    )
  );
}

function relayed(
  facts: Facts,
  rooms: Rooms,
  requests: Request[],
  begin: Request,
  findings: Findings,
): void {
  const { connection, message, n } = begin;
  const room = message.room ?? '';
  const own = requests.filter(
    (each) => each.connection.user === connection.user && each.message.room === room,
  );
  const end = own.find((each) => each.n > n);
  for (const stay of rooms.stays) {
    if (
      stay.room !== room ||
      stay.connection.user === connection.user ||
      stay.joined >= n ||
      stay.leaving !== NEVER
    )
      continue;
    const heard = stay.connection.received.filter(
      (each) =>
        each.n > n &&
        each.message.type === 'typing' &&
        each.message.room === room &&
        each.message.data.user === connection.user,
    );
    findings.saw('typing-relayed');
    if (!heard.some(isActive)) {
      miss(facts, stay, begin, 'typing-relayed', findings);
      continue;
    }
    if (
      !end ||
      isActive(end) ||
      !acked(end) ||
      end.connection !== connection ||
      ended(facts, begin, end)
    )
      continue;
    findings.saw('typing-stop-relayed');
    if (heard.every(isActive)) miss(facts, stay, end, 'typing-stop-relayed', findings);
  }
}

/** Whether typing may have ended by itself, or by a chat or a leave, before it was said to end. */
function ended(facts: Facts, begin: Request, end: Request): boolean {
  if (end.doneAt - begin.at >= facts.announced.typing_ttl_ms) return true;
  return facts
    .of(begin.connection.user)
    .some(
      (each) =>
        each.over < end.done ||
        each.requests.some(
          ({ message, n }) =>
            message.room === begin.message.room &&
            (message.type === 'chat' || message.type === 'leave') &&
            n > begin.n &&
            n < end.done,
        ),
    );
}

function miss(
  facts: Facts,
  stay: Stay,
  request: Request,
  rule: 'typing-relayed' | 'typing-stop-relayed',
  findings: Findings,
): void {
  const { connection, message, n, done } = request;
  findings.add({
    rule,
    expected: `a typing event with active ${isActive(request)} of ${facts.name(connection.user)} in ${facts.name(message.room)}`,
    actual: `${facts.who(stay.connection)}, who is in the room, received none`,
    entries: [stay.joined, n, done],
    about: [`room:${message.room}`, `typing:${message.room}:${connection.user}`],
    absence: true,
  });
}
