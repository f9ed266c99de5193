import type { JudgedRule } from '../judged.js';
import { type Facts, type Received, type Request, refusal } from './facts.js';
import type { Findings } from './findings.js';
import type { Rooms, Stay } from './stays.js';

/** The members that acks of `join` and `members` list: nobody missing, no ghosts, and what else a join is told. */
export function snapshots(facts: Facts, rooms: Rooms, findings: Findings): void {
  for (const request of facts.requests) {
    const { message, reply, faulty } = request;
    if (faulty || reply?.message.type !== 'ack' || message.room === undefined) continue;
    if (message.type !== 'join' && message.type !== 'members') continue;
    if (!rooms.disturbed.has(message.room)) listed(facts, rooms, request, reply, findings);
  }
  epochs(facts, rooms, findings);
  beginnings(facts, rooms, findings);
}

function listed(
  facts: Facts,
  rooms: Rooms,
  request: Request,
  reply: Received,
  findings: Findings,
): void {
  const { connection, n, message } = request;
  const room = message.room ?? '';
  const { members, count } = reply.message.data;
  if (!Array.isArray(members)) return;
  const cut = facts.isCut(reply.message.data);
  const tell = (
    rule: JudgedRule,
    expected: string,
    actual: string,
    user: string | undefined,
    entries: number[] = [],
  ) =>
    findings.add({
      rule,
      expected,
      actual: `${facts.who(connection)} was told ${actual}`,
      entries: [n, reply.n, ...entries.filter((each) => each < reply.n)],
      about: [`room:${room}`, ...(user === undefined ? [] : [`presence:${room}:${user}`])],
    });
  const list = members.map((each) => facts.name(each)).join(', ') || 'nobody';
  if (new Set(members).size !== members.length)
    tell('rooms-members-unique', 'each user once', `the members ${list}`, undefined);
  if (!cut) {
    findings.saw('rooms-count-users');
    if (count !== members.length)
      tell(
        'rooms-count-users',
        `a count of ${members.length}, the number of members listed`,
        `a count of ${count}`,
        undefined,
      );
  }
  if (message.type === 'join') {
    findings.saw('rooms-join-includes-oneself');
    if (!members.includes(connection.user))
      tell(
        'rooms-join-includes-oneself',
        `${facts.name(connection.user)} among the members`,
        `the members ${list}`,
        connection.user,
      );
  }
  for (const user of facts.users) {
    const stays = rooms.of(user, room);
    if (members.includes(user)) {
      if (user === connection.user) continue;
      findings.saw('rooms-members-no-ghosts');
      if (rooms.maybeIn(user, room, n, reply.n)) continue;
      tell(
        ghostRule(facts, stays, user, room, reply.n),
        `no ${facts.name(user)}, who is not in ${facts.name(room)}`,
        `the members ${list}`,
        user,
        stays.flatMap((each) => [each.leaving, each.left]),
      );
    } else if (!cut && !(message.type === 'join' && user === connection.user)) {
      findings.saw('rooms-members-complete');
      if (!rooms.surelyIn(user, room, n, reply.n)) continue;
      tell(
        'rooms-members-complete',
        `${facts.name(user)} among the members: the join was acknowledged before the request`,
        `the members ${list}`,
        user,
        stays.flatMap((each) => [each.join.n, each.joined]),
      );
    }
  }
}

function ghostRule(
  facts: Facts,
  stays: readonly Stay[],
  user: string,
  room: string,
  by: number,
): JudgedRule {
  const before = stays.filter((each) => each.left < by);
  const last = before.at(-1);
  if (last) return last.causes.has('end') ? 'rooms-closed-has-left' : 'rooms-members-no-ghosts';
  const refused = facts
    .of(user)
    .some((each) =>
      each.requests.some(
        (one) => one.message.type === 'join' && one.message.room === room && refusal(one),
      ),
    );
  return refused ? 'rooms-forbidden-without-trace' : 'rooms-members-no-ghosts';
}

/** Members at the same time have the same epoch. */
function epochs(facts: Facts, rooms: Rooms, findings: Findings): void {
  for (const stay of rooms.stays) {
    const acks = [stay.join, ...stay.rejoins].flatMap((each) =>
      each.reply?.message.type === 'ack' ? [each] : [],
    );
    for (const each of acks) {
      const reply = each.reply;
      if (!reply) continue;
      const epoch = reply.message.data.epoch;
      // Whoever was in before this was asked, and still is, keeps the room and its epoch alive.
      const other = rooms.stays.find(
        (one) =>
          one.room === stay.room &&
          one.joined < each.n &&
          one.leaving > reply.n &&
          one.epoch !== '',
      );
      if (!other) continue;
      findings.saw('rooms-epoch-shared');
      if (other.epoch === epoch) continue;
      findings.add({
        rule: 'rooms-epoch-shared',
        expected: `the epoch ${other.epoch}, which ${facts.who(other.connection)} was given`,
        actual: `${facts.who(stay.connection)} was given ${epoch}`,
        entries: [other.joined, each.n, reply.n],
        about: [`room:${stay.room}`],
      });
    }
    for (const each of stay.rejoins) rejoined(facts, stay, each, findings);
  }
}

function rejoined(facts: Facts, stay: Stay, request: Request, findings: Findings): void {
  const reply = request.reply;
  if (reply?.message.type !== 'ack' || typeof reply.message.data.seq !== 'number') return;
  const heard = stay.connection.received.filter(
    ({ message, n }) =>
      n < request.n &&
      n > stay.joined &&
      message.room === stay.room &&
      typeof message.seq === 'number',
  );
  const highest = heard.reduce((most, each) => Math.max(most, each.message.seq ?? 0), 0);
  findings.saw('rooms-join-idempotent');
  if (reply.message.data.seq >= highest) return;
  findings.add({
    rule: 'rooms-join-idempotent',
    expected: `a seq of at least ${highest}, which ${facts.who(stay.connection)} had received before the join`,
    actual: `the ack of the further join says ${reply.message.data.seq}`,
    entries: [stay.joined, heard.at(-1)?.n ?? -1, request.n, reply.n],
    about: [`room:${stay.room}`],
  });
}

/** A room that nobody has written to is at 0. */
function beginnings(facts: Facts, rooms: Rooms, findings: Findings): void {
  for (const room of rooms.names) {
    const written = facts.requests.find(
      ({ message }) =>
        message.room === room && (message.type === 'chat' || message.type === 'binary'),
    );
    for (const stay of rooms.stays) {
      if (
        stay.room !== room ||
        stay.joined > (written?.n ?? Number.POSITIVE_INFINITY) ||
        stay.joined === Number.POSITIVE_INFINITY
      )
        continue;
      findings.saw('rooms-fresh-seq-zero');
      if (stay.base === 0) continue;
      findings.add({
        rule: 'rooms-fresh-seq-zero',
        expected: `seq 0 in ${facts.name(room)}, where nothing has been said yet`,
        actual: `${facts.who(stay.connection)} was told ${stay.base}`,
        entries: [stay.join.n, stay.joined],
        about: [`room:${room}`],
      });
    }
  }
}
