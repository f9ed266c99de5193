import type { Rate } from '#schemas/types.js';
import { type Facts, type Request, refusal } from './facts.js';
import type { Findings } from './findings.js';

/** Our clock and the server's may differ by this much over a window. */
const SLACK_MS = 20;

// These are decided before the bucket is looked at.
const free = [
  'invalid_json',
  'invalid_envelope',
  'unknown_type',
  'unsupported',
  'invalid_payload',
  'shutting_down',
  'duplicate_id',
];

/** A message is admitted exactly when fewer than `limit` were in the last `window_ms`: a sliding log, judged by what is sure. */
export function rates(facts: Facts, findings: Findings): void {
  for (const rate of facts.announced.rates) {
    const groups = new Map<string | number, Request[]>();
    for (const request of facts.requests) {
      if (!rate.types.includes(typeOf(request))) continue;
      const key = rate.scope === 'user' ? request.connection.user : request.connection.number;
      groups.set(key, [...(groups.get(key) ?? []), request]);
    }
    for (const group of groups.values()) {
      tooMany(facts, rate, group, findings);
      for (const request of group)
        if (!request.faulty && refusal(request) === 'rate_limited')
          tooFew(facts, rate, group, request, findings);
    }
  }
  for (const request of facts.requests) {
    if (refusal(request) !== 'rate_limited' || request.faulty) continue;
    if (facts.announced.rates.some((each) => each.types.includes(request.message.type))) continue;
    findings.add({
      rule: 'rates-unlisted-unlimited',
      expected: `no limit: no bucket lists ${request.message.type}`,
      actual: `${facts.who(request.connection)} received rate_limited`,
      entries: [request.n, request.reply?.n ?? -1],
    });
  }
}

// What is wrong on purpose counts as what it may be taken for.
const typeOf = ({ message, faulty }: Request): string =>
  faulty ? (faulty.as ?? '') : message.type;

const isRefused = (request: Request) => refusal(request) === 'rate_limited';
const isFree = (request: Request) =>
  free.includes(refusal(request) ?? '') || request.reply?.message.data.duplicate === true;

/** More than `limit` surely admitted within surely less than the window. */
function tooMany(facts: Facts, rate: Rate, group: Request[], findings: Findings): void {
  const admitted = group
    .filter((each) => each.reply && !each.faulty && !isRefused(each) && !isFree(each))
    .sort((a, b) => a.at - b.at);
  if (admitted.length < rate.limit) return;
  findings.saw('rates-over-refused');
  for (const [index, first] of admitted.entries()) {
    const within = admitted
      .slice(index)
      .sort((a, b) => a.doneAt - b.doneAt)
      .slice(0, rate.limit + 1);
    const last = within.at(-1);
    if (!last || within.length <= rate.limit || last.doneAt - first.at >= rate.window_ms - SLACK_MS)
      continue;
    findings.add({
      rule: 'rates-over-refused',
      expected: `at most ${rate.limit} messages of the bucket ${rate.bucket} admitted in ${rate.window_ms} ms`,
      actual: `${facts.name(first.connection.user)} had ${within.length} admitted within ${Math.ceil(last.doneAt - first.at)} ms`,
      entries: within.flatMap((each) => [each.n, each.reply?.n ?? -1]),
      about: [`rate:${rate.bucket}:${first.connection.user}`],
    });
    return;
  }
}

/** Refused although fewer than `limit` can have been admitted in the window before. */
function tooFew(
  facts: Facts,
  rate: Rate,
  group: Request[],
  request: Request,
  findings: Findings,
): void {
  findings.saw('rates-window-frees');
  const possible = group.filter(
    (each) =>
      each !== request &&
      !isRefused(each) &&
      !isFree(each) &&
      each.doneAt > request.at - rate.window_ms - SLACK_MS &&
      each.n < (request.reply?.n ?? 0),
  );
  if (possible.length >= rate.limit) return;
  const repeated = group.some(
    (each) => each.n < request.n && each.reply?.message.data.duplicate === true,
  );
  const refusedBefore = group.some((each) => each !== request && isRefused(each));
  findings.add({
    rule: repeated
      ? 'resume-duplicate-free-of-quota'
      : possible.length === group.length - 1
        ? 'rates-burst-admitted'
        : refusedBefore
          ? 'rates-refused-not-counted'
          : 'rates-window-frees',
    expected: `an admission: at most ${possible.length} of ${rate.limit} messages of the bucket ${rate.bucket} lie in the last ${rate.window_ms} ms`,
    actual: `${facts.who(request.connection)} received rate_limited`,
    entries: [...possible.map((each) => each.n), request.n, request.reply?.n ?? -1],
    about: [`rate:${rate.bucket}:${request.connection.user}`, `room:${request.message.room}`],
  });
}
