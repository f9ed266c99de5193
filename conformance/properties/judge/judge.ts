import type { JudgedRule } from '../judged.js';
import type { Trace } from '../trace.js';
import { Events } from './events.js';
import { Facts, lifetimes } from './facts.js';
import { Findings, type Violation } from './findings.js';
import { identity } from './identity.js';
import { lives } from './lives.js';
import { order } from './order.js';
import { outcomes } from './outcomes.js';
import { personal } from './personal.js';
import { presence } from './presence.js';
import { rates } from './rates.js';
import { repeats } from './repeats.js';
import { replies } from './replies.js';
import { returns } from './returns.js';
import { snapshots } from './snapshots.js';
import { Rooms } from './stays.js';
import { streams } from './streams.js';
import { typing } from './typing.js';

/** What the judge makes of a trace. */
export interface Judgement {
  /** Root causes first, each followed by nothing that it explains. */
  causes: Violation[];
  /** What probably follows from the causes. */
  consequences: Violation[];
  /** How often each rule had something to decide. */
  seen: Map<JudgedRule, number>;
  facts: Facts;
  rooms: Rooms;
  events: Events;
}

/**
 * Judges a conversation: a pure function of its trace. A rule fires only on what is surely wrong, whichever of the
 * possible orders things took inside the server. What has not come counts as missing only once the trace has settled,
 * or when `assumeSettled` asks what would be missing if it had.
 */
export function judge(trace: Trace, assumeSettled = false): Judgement {
  const facts = new Facts(trace, assumeSettled);
  const findings = new Findings();
  trace.entries.forEach((entry, n) => {
    if (entry.kind !== 'malformed') return;
    const { rule, expected, actual } = entry;
    findings.add({
      rule,
      expected,
      actual,
      entries: [n],
      about: [`connection:${entry.connection}`],
    });
  });
  replies(facts, findings);
  lifetimes(facts);
  const rooms = new Rooms(facts);
  const events = new Events(facts, rooms);
  lives(facts, findings);
  outcomes(facts, rooms, findings);
  repeats(facts, findings);
  rates(facts, findings);
  identity(facts, events, findings);
  order(facts, events, findings);
  streams(facts, rooms, events, findings);
  returns(facts, rooms, events, findings);
  bareChats(facts, rooms, events, findings);
  presence(facts, rooms, findings);
  snapshots(facts, rooms, findings);
  typing(facts, rooms, findings);
  personal(facts, events, findings);
  return { ...explain(findings.violations), seen: findings.seen, facts, rooms, events };
}

/** A chat without `id` is delivered like any other: its sender, who is in the room, hears it. */
function bareChats(facts: Facts, rooms: Rooms, events: Events, findings: Findings): void {
  if (!facts.final) return;
  for (const request of facts.requests) {
    const { message, connection, faulty, maybeRefused, n, done } = request;
    if (message.type !== 'chat' || message.id !== undefined || faulty || maybeRefused) continue;
    if (rooms.state(request) !== 'in' || done === Number.POSITIVE_INFINITY) continue;
    const stay = rooms
      .of(connection.user, message.room ?? '')
      .find(
        (each) =>
          each.connection === connection &&
          each.join.n < n &&
          each.leaving === Number.POSITIVE_INFINITY,
      );
    if (!stay) continue;
    findings.saw('chat-delivered-without-id');
    if (events.of(request)) continue;
    findings.add({
      rule: 'chat-delivered-without-id',
      expected: `the chat of ${facts.who(connection)} in ${facts.name(message.room)}, or an error without ref`,
      actual: 'neither came to anybody',
      entries: [stay.joined, n, done],
      about: [`room:${message.room}`, `request:${connection.number}:${n}`],
      absence: true,
    });
  }
}

/** The order in which violations explain each other: a wrong form first, a wrong memory of it last. */
const depth: readonly (readonly [prefix: string, depth: number])[] = [
  ['messages-schema-valid', 0],
  ['messages-json-object', 0],
  ['transport-', 0],
  ['handshake-', 1],
  ['closes-', 1],
  ['rates-', 2],
  ['resume-duplicate', 2],
  ['messages-', 3],
  ['rooms-join-acked', 3],
  ['rooms-join-ack-first', 3],
  ['rooms-no-leak', 3],
  ['rooms-leave-stops', 3],
  ['rooms-join-this', 3],
  ['rooms-epoch', 3],
  ['chat-text', 4],
  ['chat-from', 4],
  ['chat-copies', 5],
  ['chat-delivered-once', 5],
  ['chat-seq', 6],
  ['chat-order', 6],
  ['rooms-presence', 8],
  ['rooms-members', 9],
  ['rooms-count', 9],
];

const depthOf = ({ rule }: Violation) =>
  depth.find(([prefix]) => rule.startsWith(prefix))?.[1] ?? 7;

/** Tells root causes from what follows: of those that speak of the same thing, the deepest and first is the cause. */
function explain(violations: Violation[]): Pick<Judgement, 'causes' | 'consequences'> {
  const last = (each: Violation) => each.entries.at(-1) ?? 0;
  const sorted = violations.toSorted(
    (a, b) => Number(a.absence) - Number(b.absence) || depthOf(a) - depthOf(b) || last(a) - last(b),
  );
  const causes: Violation[] = [];
  const consequences: Violation[] = [];
  for (const violation of sorted) {
    const cause = causes.find(
      (each) =>
        each.rule === violation.rule || each.about.some((word) => violation.about.includes(word)),
    );
    (cause ? consequences : causes).push(violation);
  }
  return { causes, consequences };
}
