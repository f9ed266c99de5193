import type { JudgedRule } from '../judged.js';
import { equal } from './equal.js';
import { acked, type Facts, type Request, refusal } from './facts.js';
import type { Findings } from './findings.js';

const remembered = ['chat', 'binary', 'direct', 'broadcast'];
/** Errors that come before any look at the id, or instead of one. */
const excused = ['shutting_down', 'backend_unavailable'];

/** A repeated request is executed once and answered the same; other content under a known id is refused. */
export function repeats(facts: Facts, findings: Findings): void {
  const window = facts.announced.dedup_window_ms;
  if (window === undefined) return;
  const groups = new Map<string, Request[]>();
  for (const request of facts.requests) {
    const { message, connection, faulty } = request;
    if (message.id === undefined || faulty || !remembered.includes(message.type)) continue;
    const key = `${connection.user} ${message.id}`;
    groups.set(key, [...(groups.get(key) ?? []), request]);
  }
  for (const group of groups.values()) {
    alone(facts, group, findings);
    if (group.length > 1) pairs(facts, group, window, findings);
  }
}

function tell(
  facts: Facts,
  request: Request,
  rule: JudgedRule,
  expected: string,
  others: Request[],
  findings: Findings,
): void {
  const code = refusal(request);
  const answer =
    code === undefined
      ? `an ack with ${JSON.stringify(request.reply?.message.data)}`
      : `the error ${code}`;
  findings.add({
    rule,
    expected,
    actual: `${facts.who(request.connection)} received ${answer}`,
    entries: [
      ...others.flatMap((each) => [each.n, each.reply?.n ?? -1]),
      request.n,
      request.reply?.n ?? -1,
    ],
    about: [`repeat:${request.connection.user}:${request.message.id}`],
  });
}

/** Nothing is a repetition that nothing came before. */
function alone(facts: Facts, group: Request[], findings: Findings): void {
  for (const request of group) {
    const claimed =
      request.reply?.message.data.duplicate === true || refusal(request) === 'duplicate_id';
    if (!claimed || !request.reply) continue;
    const { n } = request.reply;
    const before = group.filter((each) => each !== request && each.n < n);
    if (before.some((each) => refusal(each) === undefined)) continue;
    const foreign = facts.requests.some(
      (each) =>
        each.connection.user !== request.connection.user && each.message.id === request.message.id,
    );
    if (before.length === 0 && !foreign) {
      tell(
        facts,
        request,
        'resume-duplicate-same-ack',
        'no talk of a repetition: the id is used for the first time',
        [],
        findings,
      );
      continue;
    }
    tell(
      facts,
      request,
      before.length === 0 ? 'resume-ids-private-to-user' : 'resume-refused-request-not-remembered',
      before.length === 0
        ? 'no talk of a repetition: only another user has used the id'
        : 'its execution: the requests with this id before it ended in errors',
      before,
      findings,
    );
  }
}

const same = (a: Request, b: Request) => {
  const one = a.message;
  const two = b.message;
  const payloads = (one.payload ?? Buffer.alloc(0)).equals(two.payload ?? Buffer.alloc(0));
  return one.type === two.type && one.room === two.room && equal(one.data, two.data) && payloads;
};

function pairs(facts: Facts, group: Request[], window: number, findings: Findings): void {
  const executed = group.filter(
    (each) => acked(each) && each.reply?.message.data.duplicate !== true,
  );
  for (const [index, first] of executed.entries()) {
    for (const second of executed.slice(index + 1)) {
      // Only what is surely within the window has to be remembered.
      if (Math.max(first.doneAt, second.doneAt) - Math.min(first.at, second.at) > window) continue;
      if (same(first, second))
        tell(
          facts,
          second,
          'resume-duplicate-same-ack',
          'the first ack again, with duplicate: true',
          [first],
          findings,
        );
      else
        tell(
          facts,
          second,
          'resume-duplicate-other-content',
          'the error duplicate_id: the content differs',
          [first],
          findings,
        );
    }
  }
  for (const request of group) {
    const { reply } = request;
    if (!reply || excused.includes(refusal(request) ?? '')) continue;
    const before = executed.find(
      (each) =>
        each !== request &&
        (each.reply?.n ?? Number.POSITIVE_INFINITY) < request.n &&
        request.doneAt - each.at < window,
    );
    if (reply.message.data.duplicate === true)
      duplicate(facts, request, executed, window, findings);
    if (refusal(request) === 'duplicate_id') {
      findings.saw('resume-duplicate-other-content');
      if (group.every((each) => same(each, request)))
        tell(
          facts,
          request,
          'resume-duplicate-same-ack',
          'the first ack again: the content is the same',
          [...executed],
          findings,
        );
    } else if (before && same(before, request)) {
      findings.saw('resume-duplicate-same-ack');
      if (before.connection !== request.connection)
        findings.saw('resume-duplicate-on-any-connection');
      if (!acked(request))
        tell(
          facts,
          request,
          before.connection === request.connection
            ? 'resume-duplicate-same-ack'
            : 'resume-duplicate-on-any-connection',
          'the first ack again, with duplicate: true',
          [before],
          findings,
        );
    } else if (before && !acked(request))
      tell(
        facts,
        request,
        'resume-duplicate-other-content',
        'the error duplicate_id: the content differs',
        [before],
        findings,
      );
  }
}

/** What a repetition is told is what the first was told. */
function duplicate(
  facts: Facts,
  request: Request,
  executed: Request[],
  window: number,
  findings: Findings,
): void {
  const { duplicate: _, ...own } = request.reply?.message.data ?? {};
  const originals = executed.filter((each) => same(each, request));
  const other = executed.find(
    (each) =>
      !same(each, request) &&
      request.doneAt - each.at < window &&
      each.doneAt - request.at < window,
  );
  if (originals.length === 0) {
    if (other)
      tell(
        facts,
        request,
        'resume-duplicate-other-content',
        'the error duplicate_id: the content differs',
        [other],
        findings,
      );
    return;
  }
  findings.saw('resume-duplicate-same-ack');
  if (originals.some((each) => equal(each.reply?.message.data, own))) return;
  tell(
    facts,
    request,
    'resume-duplicate-same-ack',
    `an ack with ${JSON.stringify({ ...originals[0]?.reply?.message.data, duplicate: true })}: the data of the first`,
    originals,
    findings,
  );
}
