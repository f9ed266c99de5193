import { errors } from '#schemas/errors.js';
import { HISTORY, type Overrides, usual, type VariableName } from './contract.js';
import type { Peer } from './peer.js';
import type { Rate, Welcome } from './welcome.js';

const PROTOCOL_ERRORS = new Set<string>(
  errors.filter(({ protocolError }) => protocolError).map(({ code }) => code),
);

const CONNECTION_LIMIT = 4005;
const PROTOCOL_ERROR_LIMIT = 4000;
const TOO_BIG = 1009;
const RATE_LIMITED = 4101;
const SLOW_CONSUMER = 4102;

/** No reply to a short request is longer, and no more is added to what was sent, in bytes. */
export const ENVELOPE = 1_024;

// A server may count what came a little before what we sent in the window.
const SLACK_MS = 100;

const BUDGET = 'max_protocol_errors';

/** A time that passes while its checks go on, and what they count on where the test contract names no number. */
interface Span {
  rules: RegExp;
  variable: VariableName;
  name: string;
  usual?: number;
  of: (welcome: Welcome) => number | undefined;
}

// The rules of what a history gives back, as against those of repeated requests.
const RESUMED = /^resume-(?!duplicate|ids|refused)/;

const spans: readonly Span[] = [
  {
    rules: RESUMED,
    variable: 'PARLOR_RESUME_WINDOW_MS',
    name: 'resume.window_ms',
    usual: HISTORY.ms,
    of: ({ resume }) => resume?.window_ms,
  },
  {
    rules: /^resume-(duplicate|ids|refused)|^messages-repeated-id|-exclude-duplicates$/,
    variable: 'PARLOR_DEDUP_WINDOW_MS',
    name: 'dedup_window_ms',
    usual: HISTORY.ms,
    of: ({ dedup_window_ms }) => dedup_window_ms,
  },
  {
    rules: /^errors-budget-/,
    variable: 'PARLOR_PROTOCOL_ERROR_WINDOW_MS',
    name: 'protocol_error_window_ms',
    of: ({ limits }) => limits?.protocol_error_window_ms,
  },
  {
    rules: /^typing-(stop|ends|not-ended)/,
    variable: 'PARLOR_TYPING_TTL_MS',
    name: 'typing_ttl_ms',
    of: ({ typing_ttl_ms }) => typing_ttl_ms,
  },
];

/** What a check counts on. */
export interface Counting {
  rule: string;
  chapter: string;
  /** The variables of the test contract that it asked for, on top of the defaults. */
  overrides: Overrides;
}

/**
 * Which announced number a check itself went beyond, in words; undefined when it kept within all of them. Checks count on
 * the numbers of the test contract. Operators choose their own, and a server is not wrong because a check asks for more
 * than it announces. The rules of a limit, and the chapter `rates`, go beyond numbers of their own on purpose. `tookMs`
 * is for how long the check has gone on.
 */
export function exhaustion(
  peers: readonly Peer[],
  welcome: Welcome | undefined,
  { rule, chapter, overrides }: Counting,
  tookMs: number,
): string | undefined {
  const { limits, rates = [] } = welcome ?? {};
  if (!welcome || !limits) return undefined;
  const asked = (variable: VariableName, otherwise = 0) =>
    Number(overrides[variable] ?? usual(variable) ?? otherwise);
  const small = names.filter((name) => limits[name] < asked(`PARLOR_${upper(name)}`));
  const counted = small.filter((name) => !about(rule, name));
  const scarce = rates
    .filter(({ bucket, limit }) => limit < asked(`PARLOR_${kind(bucket)}_LIMIT`))
    .filter(({ bucket }) => chapter !== 'rates' || bucket !== 'messages');
  const closing = rates.filter(
    ({ bucket, close_after }) =>
      close_after > 0 && close_after !== asked(`PARLOR_${kind(bucket)}_CLOSE_AFTER`),
  );
  const reasons: readonly ((peer: Peer) => string | undefined)[] = [
    ...counted.map(
      (name) => (peer: Peer) =>
        excesses[name](peer, limits[name], peers) ? `\`${name}\` is ${limits[name]}` : undefined,
    ),
    (peer) => rate(peer, peers, scarce),
    (peer) => refusals(peer, closing),
  ];
  const short = spans.find(({ rules, variable, usual: least, of }) => {
    const ms = of(welcome);
    return rules.test(rule) && ms !== undefined && ms < asked(variable, least) && tookMs > ms;
  });
  const found =
    reasons.flatMap((reason) => peers.map(reason)).find((each) => each !== undefined) ??
    (short && `\`${short.name}\` is ${short.of(welcome)}`) ??
    (RESUMED.test(rule)
      ? history(peers, welcome, asked('PARLOR_RESUME_MAX_EVENTS', HISTORY.events))
      : undefined);
  return found === undefined ? undefined : `${found}, and this check needs more`;
}

// The names of the contract's variables follow those of the limits and buckets.
const upper = <Name extends string>(name: Name) => name.toUpperCase() as Uppercase<Name>;
const kind = (bucket: string) => (bucket === 'messages' ? 'MESSAGES' : 'CONTROL');

function connections(peer: Peer, most: number, peers: readonly Peer[]): boolean {
  if (peer.closed?.code !== CONNECTION_LIMIT) return false;
  // Whose connection this is, is not known here: other checks may have others of that user.
  if (peer.user === '') return true;
  // Of connections that open side by side, a server may well decide on a later one first.
  const { at } = peer.closed;
  const others = peers.filter(
    (each) => each !== peer && each.user === peer.user && each.openedAt <= at,
  );
  return others.length >= most;
}

function rooms(peer: Peer, most: number): boolean {
  const joins = peer.said.filter(({ type }) => type === 'join').length;
  return joins > most && refused(peer, 'too_many_rooms');
}

function history(peers: readonly Peer[], { resume }: Welcome, asked: number): string | undefined {
  const { max_events } = resume ?? {};
  if (max_events === undefined || max_events >= asked) return undefined;
  const made = peers.flatMap(({ said }) => said).filter(({ type }) => KEPT.has(type)).length;
  return made > max_events ? `\`resume.max_events\` is ${max_events}` : undefined;
}

// What a room's history holds.
const KEPT = new Set(['chat', 'binary']);

function rate(peer: Peer, peers: readonly Peer[], rates: readonly Rate[]): string | undefined {
  for (const { data, at } of peer.refusals()) {
    const found = rates.find(({ bucket }) => bucket === data.bucket);
    if (!found) continue;
    const sharing = peers.filter((each) => each === peer || each.user === peer.user);
    const sent = sharing
      .flatMap((each) => [...each.said, ...written(each, found)])
      .filter((each) => found.types.includes(each.type))
      .filter((each) => each.at <= at && each.at > at - found.window_ms - SLACK_MS);
    if (sent.length > found.limit)
      return `the bucket '${found.bucket}' has ${found.limit} messages in ${found.window_ms} ms`;
  }
  return undefined;
}

// What was sent as frames is known by its replies.
function written({ log, said }: Peer, { bucket }: Rate): { type: string; at: number }[] {
  const ids = new Set(said.map(({ id }) => id));
  return log.flatMap(({ message: { type, ref, data }, at }) => {
    if (ref !== undefined && ids.has(ref)) return [];
    const limited = data.code === 'rate_limited' && data.bucket === bucket;
    return type === 'pong' || limited ? [{ type: 'ping', at }] : [];
  });
}

function refusals(peer: Peer, rates: readonly Rate[]): string | undefined {
  if (peer.closed?.code !== RATE_LIMITED) return undefined;
  const found = rates.find(({ bucket, close_after }) => {
    const got = peer.refusals().filter(({ data }) => data.bucket === bucket).length;
    // The refusal that closes need not be answered.
    return got >= close_after - 1;
  });
  return found && `the bucket '${found.bucket}' closes after ${found.close_after} refusals`;
}

function protocolErrors(peer: Peer, most: number): boolean {
  if (peer.closed?.code !== PROTOCOL_ERROR_LIMIT) return false;
  const made = peer.received('error', ({ data }) => PROTOCOL_ERRORS.has(data.code ?? '')).length;
  // The message that spends the budget need not be answered.
  return made >= most - 1;
}

function messageSize(peer: Peer, most: number): boolean {
  return peer.closed?.code === TOO_BIG && peer.largest > most;
}

function textSize(peer: Peer, most: number): boolean {
  return peer.longestText > most && refused(peer, 'invalid_payload');
}

// Who is not listed is not missed.
function listed(peer: Peer, most: number): boolean {
  return (
    peer.received('ack', ({ data }) => data.truncated === true && (data.count ?? 0) > most).length >
    0
  );
}

// Replies wait side by side, however soon we read.
function queue(peer: Peer, most: number): boolean {
  return peer.closed?.code === SLOW_CONSUMER && peer.outstanding * ENVELOPE > most;
}

function refused(peer: Peer, code: string): boolean {
  return peer.received('error', { data: { code } }).length > 0;
}

// Those that look for several users in one list.
const READING = new Set([
  'rooms-join-idempotent',
  'rooms-members-complete',
  'rooms-members-unique',
  'rooms-members-no-ghosts',
  'rooms-forbidden-without-trace',
  'rooms-presence-join-first-only',
  'cluster-members-complete',
]);

// The chapter `limits` goes beyond each of its numbers in the rules that are named after it, and `backpressure` beyond its.
function about(rule: string, name: keyof typeof excesses): boolean {
  if (name === 'max_queue_bytes') return rule.startsWith('backpressure-');
  if (name === 'max_listed_members') return !READING.has(rule);
  const noun = /^max_(.+?)(?:_bytes|_per_user|)$/.exec(name)?.[1] ?? name;
  return rule.startsWith(`limits-${noun}`);
}

/** Whether a connection went beyond a limit, and was told so. */
const excesses = {
  max_connections_per_user: connections,
  max_rooms: rooms,
  max_listed_members: listed,
  [BUDGET]: protocolErrors,
  max_message_bytes: messageSize,
  max_text_bytes: textSize,
  max_queue_bytes: queue,
};
const names = Object.keys(excesses) as (keyof typeof excesses)[];
