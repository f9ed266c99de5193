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
  for (const user of facts.users) {
    for (const room of rooms.names) {
      const own = requests.filter(
        ({ connection, message }) => connection.user === user && message.room === room,
      );
      if (own.length > 0 && !rooms.disturbed.has(room)) atRest(facts, rooms, own, findings);
    }
  }
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

/**
 * What a user's typing comes to rest at is known to the members. What is overtaken on the way may be left out, so
 * only the plainest cases are sure: nothing but `true`, or `true` and at last `false`, from one connection.
 */
function atRest(facts: Facts, rooms: Rooms, own: Request[], findings: Findings): void {
  const [first] = own;
  const last = own.at(-1);
  const before = own.slice(0, -1);
  if (!first || !last || own.some((each) => each.connection !== first.connection || !acked(each)))
    return;
  if (!before.every(isActive) || ended(facts, first, last)) return;
  for (const stay of rooms.stays) {
    if (stay.room !== first.message.room || stay.connection.user === first.connection.user)
      continue;
    if (stay.joined >= first.n || stay.leaving !== NEVER) continue;
    const heard = stay.connection.received.filter(
      ({ n, message }) =>
        n > first.n &&
        message.type === 'typing' &&
        message.room === stay.room &&
        message.data.user === first.connection.user,
    );
    const begun = heard.findLastIndex(isActive);
    if (isActive(last)) {
      findings.saw('typing-relayed');
      if (begun < 0) miss(facts, stay, first, 'typing-relayed', findings);
    } else if (begun >= 0) {
      findings.saw('typing-stop-relayed');
      if (begun === heard.length - 1) miss(facts, stay, last, 'typing-stop-relayed', findings);
    }
  }
}

/** Whether typing may have ended by itself, by a chat, by a leave or with its connection. */
function ended(facts: Facts, first: Request, last: Request): boolean {
  const { user } = first.connection;
  // After `false` nothing more can end; `true` may be overtaken by whatever ends it.
  const until = isActive(last) ? NEVER : last.done;
  if (!isActive(last) && last.doneAt - first.at >= facts.announced.typing_ttl_ms) return true;
  return facts
    .of(user)
    .some(
      ({ over, requests }) =>
        over !== NEVER ||
        requests.some(
          ({ message, n }) =>
            message.room === first.message.room &&
            (message.type === 'chat' || message.type === 'binary' || message.type === 'leave') &&
            n > first.n &&
            n < until,
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
