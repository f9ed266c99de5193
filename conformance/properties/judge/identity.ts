import type { JudgedRule } from '../judged.js';
import { equal } from './equal.js';
import type { Event, Events } from './events.js';
import { acked, type Facts, type Received, refusal } from './facts.js';
import type { Findings } from './findings.js';

/** The rule that speaks of an aspect, for each type of event. */
const rules = {
  once: {
    chat: 'chat-delivered-once',
    binary: 'binary-delivered-once-as-binary',
    direct: 'direct-delivered-to-each-connection',
    broadcast: 'broadcast-delivered-to-everyone-once',
  },
  ack: {
    chat: 'chat-ack-matches-event',
    binary: 'binary-ack-carries-id-and-seq',
    direct: 'direct-ack-carries-event-id',
    broadcast: 'broadcast-ack-carries-event-id',
  },
  from: {
    chat: 'chat-from-verified',
    binary: 'binary-header-stamped',
    direct: 'messages-client-from-ignored',
    broadcast: 'messages-client-from-ignored',
  },
  refused: {
    chat: 'errors-nobody-else',
    binary: 'errors-nobody-else',
    direct: 'errors-nobody-else',
    broadcast: 'broadcast-refused-reaches-nobody',
  },
} as const satisfies Record<string, Record<string, JudgedRule>>;

/** The rule of an aspect for a type of event. */
export function ruleFor(aspect: keyof typeof rules, type: string): JudgedRule {
  const row: Record<string, JudgedRule> = rules[aspect];
  return row[type] ?? 'messages-schema-valid';
}

/** Every event is what somebody sent, with the same face everywhere, under one id and number. */
export function identity(facts: Facts, events: Events, findings: Findings): void {
  for (const received of events.strange) stranger(facts, received, findings);
  const byId = new Map<string, Event>();
  for (const event of events.all) {
    copies(facts, event, findings);
    content(facts, event, findings);
    acks(facts, event, findings);
    findings.saw('chat-ids-unique');
    const same = byId.get(event.id);
    if (same && same.requests[0] !== event.requests[0])
      findings.add({
        rule: 'chat-ids-unique',
        expected: 'an id of its own for each event',
        actual: `two events have the id ${event.id}`,
        entries: [same.accepted, event.accepted],
        about: [`event:${event.id}`],
      });
    byId.set(event.id, event);
  }
  doubles(facts, events, findings);
  numbers(facts, events, findings);
}

function stranger(facts: Facts, { message, connection, n }: Received, findings: Findings): void {
  const binary = message.type === 'binary';
  findings.add({
    rule: binary ? 'binary-payload-identical' : 'chat-text-exact',
    expected: `a ${message.type} that somebody sent`,
    actual: `${facts.who(connection)} received ${binary ? 'a payload' : `the text ${JSON.stringify(String(message.data.text).slice(0, 60))}`} that nobody sent`,
    entries: [n],
    about: [`room:${message.room}`],
  });
}

function copies(facts: Facts, event: Event, findings: Findings): void {
  const [first, ...others] = event.copies;
  if (!first) return;
  if (others.length > 0) findings.saw('chat-copies-identical', others.length);
  for (const other of others) {
    const replayed = other.message.data.replay === true || first.message.data.replay === true;
    const differs = (['id', 'seq', 'from', 'timestamp', 'room', 'data'] as const).filter(
      (each) => !equal(bare(first, each), bare(other, each)),
    );
    if (differs.length === 0) continue;
    findings.add({
      rule: replayed ? 'resume-replayed-events-unchanged' : 'chat-copies-identical',
      expected: `the same ${differs.join(', ')} in all copies of an event`,
      actual: `${facts.who(first.connection)} and ${facts.who(other.connection)} received different ones`,
      entries: [first.n, other.n],
      about: [`event:${event.id}`],
    });
  }
}

function bare(
  { message }: Received,
  member: 'id' | 'seq' | 'from' | 'timestamp' | 'room' | 'data',
): unknown {
  if (member !== 'data') return message[member];
  const { replay: _, ...data } = message.data;
  return data;
}

function content(facts: Facts, event: Event, findings: Findings): void {
  const request = event.requests[0];
  if (!request) return;
  const sender = request.connection;
  for (const { message, connection, n } of event.copies) {
    const told = (rule: JudgedRule, expected: string, actual: string) =>
      findings.add({
        rule,
        expected,
        actual: `${facts.who(connection)} received ${actual}`,
        entries: [request.n, n],
        about: [`event:${event.id}`, `room:${message.room}`],
      });
    findings.saw(ruleFor('from', event.type));
    if (message.from !== sender.user)
      told(
        ruleFor('from', event.type),
        `from ${facts.name(sender.user)}, who sent it`,
        `a ${event.type} from ${facts.name(message.from)}`,
      );
    if (message.room !== request.message.room)
      told(
        'rooms-no-leak-to-strangers',
        `the event in ${facts.name(request.message.room)}, where it was sent`,
        `it in ${facts.name(message.room)}`,
      );
    meta(request.message.data.meta, message.data.meta, told, findings);
    if (event.type === 'binary') {
      findings.saw('binary-payload-identical');
      if (!request.message.payload?.equals(message.payload ?? Buffer.alloc(0)))
        told(
          'binary-payload-identical',
          `the ${request.message.payload?.length} bytes that were sent`,
          `${message.payload?.length} other bytes`,
        );
      for (const member of ['content_type', 'name'] as const)
        if (message.data[member] !== request.message.data[member])
          told(
            'binary-descriptors-relayed',
            `${member} as it was sent`,
            `${JSON.stringify(message.data[member])}`,
          );
      continue;
    }
    findings.saw('chat-text-exact');
    if (message.data.text !== request.message.data.text)
      told(
        'chat-text-exact',
        `the text ${JSON.stringify(request.message.data.text)}`,
        JSON.stringify(message.data.text),
      );
    if (event.type === 'direct' && message.data.to !== request.message.data.to)
      told(
        'direct-reaches-nobody-else',
        `data.to ${facts.name(request.message.data.to)}`,
        `data.to ${facts.name(message.data.to)}`,
      );
  }
}

function meta(
  sent: unknown,
  received: unknown,
  told: (rule: JudgedRule, expected: string, actual: string) => void,
  findings: Findings,
): void {
  if (sent === undefined) {
    findings.saw('messages-meta-absent');
    if (received !== undefined)
      told(
        'messages-meta-absent',
        'no meta, as none was sent',
        `the meta ${JSON.stringify(received)}`,
      );
    return;
  }
  findings.saw('messages-meta-equal');
  if (!equal(sent, received))
    told(
      'messages-meta-equal',
      `the meta ${JSON.stringify(sent)}`,
      `the meta ${JSON.stringify(received)}`,
    );
}

function acks(facts: Facts, event: Event, findings: Findings): void {
  for (const request of event.requests) {
    const { reply, connection, message } = request;
    const code = refusal(request);
    const copy = event.copies[0];
    if (!reply || !copy || !event.requests.every((each) => each === request || refusal(each)))
      continue;
    if (
      code !== undefined &&
      !['internal_error', 'backend_unavailable', 'duplicate_id'].includes(code)
    ) {
      findings.add({
        rule: ruleFor('refused', event.type),
        expected: `nobody receives a ${event.type} that was answered with an error`,
        actual: `${facts.who(copy.connection)} received the one of ${facts.who(connection)}, which was answered with ${code}`,
        entries: [request.n, reply.n, copy.n],
        about: [`event:${event.id}`, `room:${message.room}`],
      });
    }
    if (!acked(request) || reply.message.data.duplicate) continue;
    const rule = ruleFor('ack', event.type);
    findings.saw(rule);
    const { id, seq } = reply.message.data;
    const numbered = event.type === 'chat' || event.type === 'binary';
    if (id === event.id && (!numbered || seq === copy.message.seq)) continue;
    findings.add({
      rule,
      expected: `the ack says of its event what the event says: id ${event.id}${numbered ? `, seq ${copy.message.seq}` : ''}`,
      actual: `${facts.who(connection)} was told id ${id}${numbered ? `, seq ${seq}` : ''}`,
      entries: [request.n, reply.n, copy.n],
      about: [`event:${event.id}`, `room:${message.room}`],
    });
  }
}

function doubles(facts: Facts, events: Events, findings: Findings): void {
  for (const [, requests] of events.requests) {
    const made = events.all.filter((each) => each.requests === requests && each.copies.length > 0);
    const [first, second] = made;
    if (!first || !second) continue;
    const repeated = requests.length > 1;
    findings.add({
      rule: repeated ? 'resume-duplicate-not-delivered' : ruleFor('once', first.type),
      expected: `one event for ${repeated ? 'a request and its repetitions' : 'each request'}`,
      actual: `the ${first.type} of ${facts.name(requests[0]?.connection.user)} became two events, ${first.id} and ${second.id}`,
      entries: [
        ...requests.map((each) => each.n),
        first.copies[0]?.n ?? -1,
        second.copies[0]?.n ?? -1,
      ],
      about: [`event:${first.id}`, `event:${second.id}`, `room:${first.room}`],
    });
  }
}

function numbers(facts: Facts, events: Events, findings: Findings): void {
  const seen = new Map<string, Event>();
  for (const event of events.all) {
    if (event.seq === undefined || event.epoch === '') continue;
    const key = `${event.room} ${event.epoch} ${event.seq}`;
    const other = seen.get(key);
    seen.set(key, event);
    if (!other || other.id === event.id) continue;
    findings.add({
      rule: 'chat-seq-increments',
      expected: `one event with the seq ${event.seq} in ${facts.name(event.room)}`,
      actual: `two have it, ${other.id} and ${event.id}`,
      entries: [other.accepted, event.accepted],
      about: [`event:${event.id}`, `event:${other.id}`, `room:${event.room}`],
    });
  }
}
