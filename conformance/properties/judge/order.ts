import type { Event, Events } from './events.js';
import type { Facts } from './facts.js';
import type { Findings } from './findings.js';

/** The numbers of a room's events follow the order in which they were sent, as far as that is sure. */
export function order(facts: Facts, events: Events, findings: Findings): void {
  const runs = new Set(
    events.all.filter((each) => each.seq !== undefined).map((each) => `${each.room} ${each.epoch}`),
  );
  for (const run of runs) {
    const [room = '', epoch = ''] = run.split(' ');
    if (epoch === '') continue;
    const sequence = events.sequence(room, epoch);
    sameSender(facts, sequence, findings);
    acrossSenders(facts, sequence, findings);
  }
}

function sameSender(facts: Facts, sequence: Event[], findings: Findings): void {
  const last = new Map<number, Event>();
  for (const event of sequence) {
    // A repeated request may have been executed at any of its sendings.
    const request = event.requests.length === 1 ? event.requests[0] : undefined;
    if (!request) continue;
    const before = last.get(request.connection.number);
    const earlier = before?.requests[0];
    if (earlier) findings.saw('chat-sender-order');
    if (before && earlier && earlier.n > request.n) {
      findings.add({
        rule: 'chat-sender-order',
        expected: `seq in the order in which ${facts.who(request.connection)} sent`,
        actual: `what was sent first has seq ${event.seq}, what was sent later ${before.seq}`,
        entries: [request.n, earlier.n, before.accepted, event.accepted],
        about: [`event:${event.id}`, `event:${before.id}`, `room:${event.room}`],
      });
      continue;
    }
    last.set(request.connection.number, event);
  }
}

// Whatever was accepted before another was sent has the lower number.
function acrossSenders(facts: Facts, sequence: Event[], findings: Findings): void {
  let first: Event | undefined;
  for (const event of sequence.toReversed()) {
    const sent = Math.min(...event.requests.map((each) => each.n));
    if (first && first.accepted < sent)
      findings.add({
        rule: 'chat-seq-increments',
        expected: `a seq above ${first.seq} for what was sent to ${facts.name(event.room)} after the event with that seq was known`,
        actual: `it has seq ${event.seq}`,
        entries: [first.accepted, sent, event.accepted],
        about: [`event:${event.id}`, `event:${first.id}`, `room:${event.room}`],
      });
    if (!first || event.accepted < first.accepted) first = event;
  }
}
