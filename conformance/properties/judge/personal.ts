import type { JudgedRule } from '../judged.js';
import type { Event, Events } from './events.js';
import { acked, type Connection, type Facts, type Request, refusal } from './facts.js';
import type { Findings } from './findings.js';
import { ruleFor } from './identity.js';

const NEVER = Number.POSITIVE_INFINITY;
const excused = ['rate_limited', 'shutting_down', 'backend_unavailable', 'duplicate_id'];

/** Direct messages and broadcasts reach each connection that they are for, once, and no other. */
export function personal(facts: Facts, events: Events, findings: Findings): void {
  for (const request of facts.requests) {
    if (
      request.faulty ||
      (request.message.type !== 'direct' && request.message.type !== 'broadcast')
    )
      continue;
    if (request.message.type === 'direct') online(facts, request, findings);
    else scope(facts, request, findings);
  }
  for (const event of events.all)
    if (event.type === 'direct' || event.type === 'broadcast') spread(facts, event, findings);
  for (const connection of facts.connections) inOrder(facts, events, connection, findings);
}

/** Connections that the request is for. */
function audience(facts: Facts, { message }: Request): Connection[] {
  return message.type === 'broadcast' ? facts.connections : facts.of(String(message.data.to));
}

function online(facts: Facts, request: Request, findings: Findings): void {
  const { reply, n, message, connection } = request;
  const code = refusal(request);
  if (!reply || reply.message.data.duplicate || (code !== undefined && excused.includes(code)))
    return;
  const all = audience(facts, request);
  const open = all.find((each) => each.welcomed < n && each.over > reply.n);
  const none = all.every((each) => each.opened > reply.n || each.gone < n);
  if (open) findings.saw('direct-delivered-to-each-connection');
  if (none) findings.saw('direct-offline-recipient-unavailable');
  const to = facts.name(String(message.data.to));
  const about = [`request:${connection.number}:${n}`];
  if (open && !acked(request))
    findings.add({
      rule: 'direct-delivered-to-each-connection',
      expected: `an ack for the direct to ${to}, who is connected`,
      actual: `${facts.who(connection)} received the error ${code}`,
      entries: [open.welcomed, n, reply.n],
      about,
    });
  else if (none && code !== 'recipient_unavailable')
    findings.add({
      rule: 'direct-offline-recipient-unavailable',
      expected: `recipient_unavailable for the direct to ${to}, who is not connected`,
      actual: `${facts.who(connection)} received ${code === undefined ? 'an ack' : `the error ${code}`}`,
      entries: [...all.map((each) => each.over), n, reply.n],
      about,
    });
  else if (!open && !none && !acked(request) && code !== 'recipient_unavailable')
    findings.add({
      rule: 'direct-delivered-to-each-connection',
      expected: `an ack or recipient_unavailable for the direct to ${to}`,
      actual: `${facts.who(connection)} received the error ${code}`,
      entries: [n, reply.n],
      about,
    });
}

function scope(facts: Facts, request: Request, findings: Findings): void {
  const { reply, n, connection } = request;
  const code = refusal(request);
  if (!reply || reply.message.data.duplicate || (code !== undefined && excused.includes(code)))
    return;
  const rule: JudgedRule = connection.broadcaster
    ? 'broadcast-delivered-to-everyone-once'
    : 'broadcast-scope-required';
  findings.saw(rule);
  if (connection.broadcaster ? acked(request) : code === 'forbidden') return;
  findings.add({
    rule,
    expected: `${connection.broadcaster ? 'an ack' : 'the error forbidden'}: the token of ${facts.who(connection)} ${connection.broadcaster ? 'has' : 'lacks'} the scope parlor:broadcast`,
    actual: `${facts.who(connection)} received ${code === undefined ? 'an ack' : `the error ${code}`}`,
    entries: [connection.opened, n, reply.n],
    about: [`request:${connection.number}:${n}`],
  });
}

function spread(facts: Facts, event: Event, findings: Findings): void {
  const [request] = event.requests;
  if (!request) return;
  const due = audience(facts, request);
  const to = facts.name(String(request.message.data.to));
  const about = [`event:${event.id}`];
  for (const connection of facts.connections) {
    const copies = event.copies.filter((each) => each.connection === connection);
    const told = (rule: JudgedRule, expected: string, actual: string, absence = false) =>
      findings.add({
        rule,
        expected,
        actual: `${facts.who(connection)} received ${actual}`,
        entries: [request.n, event.accepted, ...copies.map((each) => each.n)],
        about,
        absence,
      });
    if (copies.length > 0 && !due.includes(connection))
      told('direct-reaches-nobody-else', `nothing: the direct is for ${to}`, 'it');
    if (copies.length > 1)
      told(ruleFor('once', event.type), `the ${event.type} once`, `it ${copies.length} times`);
    const through = Math.min(...event.requests.map((each) => each.n));
    if (!due.includes(connection) || connection.welcomed > through || connection.over !== NEVER)
      continue;
    findings.saw(ruleFor('once', event.type));
    if (copies.length > 0 || !facts.final) continue;
    const own = event.type === 'direct' && connection.user === request.connection.user;
    told(
      own ? 'direct-to-oneself-delivered' : ruleFor('once', event.type),
      `the ${event.type} that ${facts.who(request.connection)} sent`,
      'it never',
      true,
    );
  }
}

/** Direct messages of one connection arrive in the order of their sending. */
function inOrder(facts: Facts, events: Events, connection: Connection, findings: Findings): void {
  const last = new Map<number, { n: number; at: number }>();
  for (const { message, n } of connection.received) {
    if (message.type !== 'direct') continue;
    const event = events.all.find((each) => each.id === message.id && each.type === 'direct');
    const request = event?.requests.length === 1 ? event.requests[0] : undefined;
    if (!request) continue;
    const before = last.get(request.connection.number);
    if (before) findings.saw('direct-order-kept');
    if (before && before.n > request.n)
      findings.add({
        rule: 'direct-order-kept',
        expected: `the direct messages of ${facts.who(request.connection)} in the order of their sending`,
        actual: `${facts.who(connection)} received the later one first`,
        entries: [request.n, before.n, before.at, n],
        about: [`event:${event?.id}`],
      });
    else last.set(request.connection.number, { n: request.n, at: n });
  }
}
