import type { JudgedRule } from '../judged.js';
import { type Facts, type Request, refusal } from './facts.js';
import type { Findings } from './findings.js';
import type { Rooms, State } from './stays.js';

/** The rule that says how a request of a type ends, for a sender in the room and out of it. */
const table: Record<string, { in: JudgedRule; out: JudgedRule }> = {
  join: { in: 'rooms-join-idempotent', out: 'rooms-join-acked' },
  leave: { in: 'rooms-leave-acked', out: 'rooms-leave-idempotent' },
  members: { in: 'rooms-members-acked', out: 'rooms-members-needs-membership' },
  chat: { in: 'chat-acked', out: 'rooms-chat-needs-membership' },
  typing: { in: 'typing-acked', out: 'rooms-typing-needs-membership' },
  binary: { in: 'binary-ack-carries-id-and-seq', out: 'binary-non-member-refused' },
};

// What an application or an operator may decide at any time; other rules judge the rate.
const excused = ['rate_limited', 'shutting_down', 'backend_unavailable', 'duplicate_id'];
const excusedJoins = ['room_not_found', 'room_full'];

/** Every request ends as the sender's state in the room demands. */
export function outcomes(facts: Facts, rooms: Rooms, findings: Findings): void {
  const ids = new Map<string, number>();
  const key = ({ connection, message }: Request) => `${connection.user} ${message.id}`;
  for (const each of facts.requests) ids.set(key(each), (ids.get(key(each)) ?? 0) + 1);
  for (const request of facts.requests) {
    if (!request.reply) continue;
    if (request.faulty) malformed(facts, request, findings);
    else if (request.message.type === 'ping') ping(facts, request, findings);
    else if (table[request.message.type]) {
      // A repeated id may be answered by what the first one came to.
      if (request.message.id !== undefined && (ids.get(key(request)) ?? 0) > 1) continue;
      member(facts, rooms, request, findings);
    }
  }
}

function malformed(facts: Facts, request: Request, findings: Findings): void {
  const { faulty, reply, n, connection } = request;
  if (!faulty || !reply) return;
  findings.saw(faulty.rule);
  const code = refusal(request);
  const about = [`request:${connection.number}:${n}`];
  const told = (rule: JudgedRule, expected: string, actual: string) =>
    findings.add({
      rule,
      expected: `${expected} for ${faulty.label}`,
      actual: `${facts.who(connection)} received ${actual}`,
      entries: [n, reply.n],
      about,
    });
  if (!faulty.codes.includes(code ?? reply.message.type)) {
    told(
      faulty.rule,
      named(faulty.codes),
      code === undefined ? `a ${reply.message.type}` : `the error ${code}`,
    );
    return;
  }
  const { path, limit } = reply.message.data;
  if (faulty.path !== undefined) {
    findings.saw('errors-path');
    // A member that holds what is wrong does not fit either.
    const right = path !== undefined && path !== '' && `${faulty.path}/`.startsWith(`${path}/`);
    if (!right) told('errors-path', `the path ${faulty.path}`, `the path ${JSON.stringify(path)}`);
  }
  if (faulty.rule !== 'limits-text-over-refused') return;
  findings.saw('limits-text-over-limit-named');
  const most = facts.announced.limits.max_text_bytes;
  if (limit !== most)
    told('limits-text-over-limit-named', `the limit ${most}`, `the limit ${limit}`);
}

function named(codes: readonly string[]): string {
  return codes.map((each) => (each === 'ack' ? 'an ack' : `the error ${each}`)).join(' or ');
}

function ping(facts: Facts, request: Request, findings: Findings): void {
  const { reply, n, connection } = request;
  findings.saw('messages-ping-answered');
  if (!reply || reply.message.type === 'pong' || excused.includes(refusal(request) ?? '')) return;
  findings.add({
    rule: 'messages-ping-answered',
    expected: 'a pong',
    actual: `${facts.who(connection)} received ${describe(request)}`,
    entries: [n, reply.n],
    about: [`request:${connection.number}:${n}`],
  });
}

function member(facts: Facts, rooms: Rooms, request: Request, findings: Findings): void {
  const { message, reply, n, connection } = request;
  const row = table[message.type];
  const code = refusal(request);
  if (!row || !reply) return;
  const state = rooms.state(request);
  if (state !== 'unknown') findings.saw(row[state]);
  if (code !== undefined && excused.includes(code)) return;
  const acknowledged = reply.message.type === 'ack';
  const rule = verdict(facts, rooms, request, state, acknowledged, code);
  if (!rule) return;
  const wanted = rule === row.out && needsMembership(message.type) ? 'not_in_room' : 'an ack';
  findings.add({
    rule,
    expected: `${wanted} for the ${message.type}: ${facts.who(connection)} is ${state === 'in' ? '' : 'not '}in ${facts.name(message.room)}`,
    actual: `${facts.who(connection)} received ${describe(request)}`,
    entries: [...history(request), n, reply.n],
    about: [`room:${message.room}`, `request:${connection.number}:${n}`],
  });
}

const needsMembership = (type: string) => type !== 'join' && type !== 'leave';

function verdict(
  facts: Facts,
  rooms: Rooms,
  request: Request,
  state: State,
  acknowledged: boolean,
  code: string | undefined,
): JudgedRule | undefined {
  const { type } = request.message;
  const row = table[type];
  if (!row) return undefined;
  if (type === 'join') {
    if (acknowledged || excusedJoins.includes(code ?? '')) return undefined;
    if (
      code === 'too_many_rooms' &&
      state !== 'in' &&
      entered(rooms, request) >= facts.announced.limits.max_rooms
    )
      return undefined;
    return state === 'in' ? row.in : row.out;
  }
  if (type === 'leave') return acknowledged ? undefined : state === 'in' ? row.in : row.out;
  if (state === 'in') return acknowledged ? undefined : row.in;
  if (state === 'out') return code === 'not_in_room' ? undefined : row.out;
  return acknowledged || code === 'not_in_room' ? undefined : row.in;
}

/** At most how many rooms the connection was in. */
function entered(rooms: Rooms, { connection, n }: Request): number {
  return rooms.stays.filter(
    (each) => each.connection === connection && each.join.n < n && each.left > n,
  ).length;
}

function describe({ reply }: Request): string {
  if (reply?.message.type === 'error') return `the error ${reply.message.data.code}`;
  return reply?.message.type === 'ack' ? 'an ack' : `a ${reply?.message.type}`;
}

/** What the connection did about that room before, with the replies. */
function history({ connection, message, n }: Request): number[] {
  const before = connection.requests.filter(
    (each) =>
      each.n < n &&
      each.message.room === message.room &&
      (each.message.type === 'join' || each.message.type === 'leave'),
  );
  return before.flatMap((each) => [each.n, each.reply?.n ?? -1]);
}
