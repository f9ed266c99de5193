import type { JudgedRule } from '../judged.js';
import { type Connection, type Facts, type Received, refusal } from './facts.js';
import type { Findings } from './findings.js';
import type { Rooms, Stay } from './stays.js';

const NEVER = Number.POSITIVE_INFINITY;

/** What one connection was told of another user's presence in a room. */
interface Told {
  connection: Connection;
  room: string;
  user: string;
  events: Received[];
}

/** Who comes and goes is told to the others once, and they end up knowing who is there. */
export function presence(facts: Facts, rooms: Rooms, findings: Findings): void {
  for (const told of gather(facts, findings)) {
    if (rooms.disturbed.has(told.room)) continue;
    tooMany(facts, rooms, told, findings);
    reasons(facts, rooms, told, findings);
  }
  if (!facts.final) return;
  for (const stay of rooms.stays) {
    if (stay.leaving !== NEVER || stay.joined === NEVER || rooms.disturbed.has(stay.room)) continue;
    for (const user of facts.users) {
      if (user === stay.connection.user) continue;
      owed(facts, rooms, stay, user, findings);
      view(facts, rooms, stay, user, findings);
    }
  }
}

function gather(facts: Facts, findings: Findings): Told[] {
  const all = new Map<string, Told>();
  for (const connection of facts.connections) {
    for (const received of connection.received) {
      const { message, n } = received;
      const { user, reason } = message.data;
      if (
        (message.type !== 'join' && message.type !== 'leave') ||
        typeof user !== 'string' ||
        message.room === undefined
      )
        continue;
      if (message.type === 'leave' && reason !== 'left' && reason !== 'disconnected') continue;
      if (user === connection.user) {
        if (message.type === 'join')
          findings.add({
            rule: 'rooms-presence-not-to-oneself',
            expected: 'join events that name other users',
            actual: `${facts.who(connection)} received a join event that names ${facts.name(user)}`,
            entries: [n],
            about: [`room:${message.room}`, `presence:${message.room}:${user}`],
          });
        continue;
      }
      const key = `${connection.number} ${message.room} ${user}`;
      const told = all.get(key) ?? { connection, room: message.room, user, events: [] };
      told.events.push(received);
      all.set(key, told);
    }
  }
  return [...all.values()];
}

/** At most how often a user can have come and gone by a moment. */
function bounds(
  rooms: Rooms,
  user: string,
  room: string,
  by: number,
): { ups: number; downs: number } {
  const stays = rooms.of(user, room).filter((each) => each.join.n < by);
  const sure = rooms.sure(user, room).filter((each) => each.from < by);
  let ups = 0;
  let downs = 0;
  // Between two stretches of sure presence lies one absence, or more where whole stays may fit in.
  for (let index = 0; index <= sure.length; index += 1) {
    const from = sure[index - 1]?.to ?? -1;
    const to = Math.min(sure[index]?.from ?? by, by);
    if (to <= from) continue;
    const whole = stays.filter(
      (each) =>
        each.joined >= each.leaving && each.leaving < to && each.left > from && each.joined > from,
    ).length;
    const joins = stays.filter((each) => each.join.n < to && each.joined > from).length;
    const leaves = stays.filter((each) => each.leaving < to && each.left > from).length;
    ups += Math.min(1 + whole, joins);
    downs += Math.min(whole + (index > 0 ? 1 : 0), leaves);
  }
  return { ups, downs };
}

function tooMany(
  facts: Facts,
  rooms: Rooms,
  { connection, room, user, events }: Told,
  findings: Findings,
): void {
  const counts = { join: 0, leave: 0 };
  for (const { message, n } of events) {
    const type = message.type as 'join' | 'leave';
    counts[type] += 1;
    const { ups, downs } = bounds(rooms, user, room, n);
    const most = type === 'join' ? ups : downs;
    findings.saw(
      type === 'join' ? 'rooms-presence-join-first-only' : 'rooms-presence-leave-last-only',
    );
    if (counts[type] <= most) continue;
    const stays = rooms.of(user, room).filter((each) => each.join.n < n);
    findings.add({
      rule: type === 'join' ? joinRule(facts, stays, user, room, n) : leaveRule(stays),
      expected:
        most === 0
          ? `no ${type} event of ${facts.name(user)} in ${facts.name(room)}`
          : `at most ${most} ${type} event${most === 1 ? '' : 's'} of ${facts.name(user)} in ${facts.name(room)}`,
      actual: `${facts.who(connection)} received ${counts[type] === 1 ? 'one' : counts[type]}`,
      entries: [
        ...stays
          .flatMap((each) => [
            each.join.n,
            each.joined,
            ...each.rejoins.map((one) => one.n),
            each.leaving,
            each.left,
          ])
          .filter((each) => each < n),
        n,
      ],
      about: [`room:${room}`, `presence:${room}:${user}`],
    });
    return;
  }
}

function joinRule(
  facts: Facts,
  stays: readonly Stay[],
  user: string,
  room: string,
  n: number,
): JudgedRule {
  const refused = facts
    .of(user)
    .some((each) =>
      each.requests.some(
        (one) =>
          one.message.type === 'join' && one.message.room === room && refusal(one) && one.n < n,
      ),
    );
  if (stays.length === 0 && refused) return 'rooms-forbidden-without-trace';
  if (stays.length > 1) return 'rooms-presence-join-first-only';
  return stays.some((each) => each.rejoins.length > 0)
    ? 'rooms-rejoin-silent'
    : 'rooms-presence-join';
}

function leaveRule(stays: readonly Stay[]): JudgedRule {
  return stays.length > 1 ? 'rooms-presence-leave-last-only' : 'rooms-presence-leave';
}

function reasons(
  facts: Facts,
  rooms: Rooms,
  { connection, room, user, events }: Told,
  findings: Findings,
): void {
  for (const { message, n } of events) {
    if (message.type !== 'leave') continue;
    const ended = rooms.of(user, room).filter((each) => each.leaving < n);
    const causes = new Set(ended.flatMap((each) => [...each.causes]));
    if (causes.size !== 1) continue;
    const left = causes.has('leave');
    const rule = left ? 'rooms-presence-reason-left' : 'rooms-presence-reason-disconnected';
    findings.saw(rule);
    if (message.data.reason === (left ? 'left' : 'disconnected')) continue;
    findings.add({
      rule,
      expected: `the reason ${left ? 'left' : 'disconnected'}: ${facts.name(user)} ${left ? 'sent leave' : 'lost the connection without leave'}`,
      actual: `${facts.who(connection)} received a leave event with the reason ${message.data.reason}`,
      entries: [...ended.map((each) => each.leaving), n],
      about: [`room:${room}`, `presence:${room}:${user}`],
    });
  }
}

/** Comings and goings that surely happened while this stay lasted have each been told. */
function owed(facts: Facts, rooms: Rooms, stay: Stay, user: string, findings: Findings): void {
  const { connection, room } = stay;
  const others = rooms.of(user, room);
  const alone = (own: Stay, from: number, to: number) =>
    others.every((each) => each === own || each.left <= from || each.join.n >= to);
  const comings = others
    .filter(
      (each) =>
        each.joined !== NEVER &&
        stay.joined <= each.join.n &&
        alone(each, each.join.n, each.joined),
    )
    .map((each) => each.join.n);
  const goings = others
    .filter(
      (each) =>
        each.joined !== NEVER &&
        each.left !== NEVER &&
        stay.joined <= each.leaving &&
        alone(each, each.leaving, each.left),
    )
    .map((each) => each.leaving);
  for (const [type, causes] of [
    ['join', comings],
    ['leave', goings],
  ] as const) {
    const rule = type === 'join' ? 'rooms-presence-join' : 'rooms-presence-leave';
    const told = connection.received.filter(
      ({ message }) => message.type === type && message.room === room && message.data.user === user,
    );
    causes
      .sort((a, b) => a - b)
      .forEach((cause, index) => {
        findings.saw(rule);
        const needed = causes.length - index;
        if (told.filter((each) => each.n > cause).length >= needed) return;
        findings.add({
          rule,
          expected: `${needed === 1 ? `a ${type} event` : `${needed} ${type} events`} of ${facts.name(user)} in ${facts.name(room)}`,
          actual: `${facts.who(connection)}, who is in the room, received ${told.filter((each) => each.n > cause).length || 'none'}`,
          entries: [stay.joined, cause, ...told.map((each) => each.n)],
          about: [`room:${room}`, `presence:${room}:${user}`],
          absence: true,
        });
      });
  }
}

/** The snapshot in the ack of join, brought forward by the events, is who is there in the end. */
function view(facts: Facts, rooms: Rooms, stay: Stay, user: string, findings: Findings): void {
  const { connection, room } = stay;
  const data = stay.join.reply?.message.data;
  if (!Array.isArray(data?.members) || facts.isCut(data)) return;
  const events = connection.received.filter(
    ({ message, n }) =>
      n > stay.joined &&
      message.room === room &&
      message.data.user === user &&
      (message.type === 'join' || message.type === 'leave'),
  );
  const last = events.at(-1);
  const shown = last ? last.message.type === 'join' : data.members.includes(user);
  const present = rooms
    .of(user, room)
    .find((each) => each.leaving === NEVER && each.joined !== NEVER);
  const absent = rooms.of(user, room).every((each) => each.left !== NEVER);
  if (present || absent) findings.saw(present ? 'rooms-presence-join' : 'rooms-presence-leave');
  if (shown ? !absent : !present) return;
  const causes = rooms
    .of(user, room)
    .flatMap((each) => [each.join.n, each.joined, each.leaving, each.left]);
  const late = last?.message.type === 'leave' && present && present.joined < last.n;
  findings.add({
    rule: late
      ? 'rooms-presence-leave-last-only'
      : present
        ? 'rooms-presence-join'
        : 'rooms-presence-leave',
    expected: present
      ? `${facts.name(user)} in the members of the ack of join, or a join event after it, and no later leave event`
      : `a leave event of ${facts.name(user)}, who was in the members of the ack of join or had a join event`,
    actual: `by all that ${facts.who(connection)} was told, ${facts.name(user)} is ${shown ? 'still' : 'not'} in ${facts.name(room)}`,
    entries: [
      stay.join.n,
      stay.joined,
      ...causes.filter((each) => each < facts.end),
      ...events.map((each) => each.n),
    ],
    about: [`room:${room}`, `presence:${room}:${user}`],
    absence: true,
  });
}
