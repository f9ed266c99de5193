import { errors } from '#schemas/errors.js';
import { type Overrides, usual, type VariableName } from './contract.js';
import type { Peer } from './peer.js';
import type { Rate, Welcome } from './welcome.js';

const PROTOCOL_ERRORS = new Set<string>(
  errors.filter(({ protocolError }) => protocolError).map(({ code }) => code),
);

const CONNECTION_LIMIT = 4005;
const PROTOCOL_ERROR_LIMIT = 4000;
const TOO_BIG = 1009;
const RATE_LIMITED = 4101;

// A server may count what came a little before what we sent in the window.
const SLACK_MS = 100;

const BUDGET = 'max_protocol_errors';

/** What a check counts on. */
export interface Counting {
  chapter: string;
  /** The variables of the test contract that it asked for, on top of the defaults. */
  overrides: Overrides;
}

/**
 * Which announced number a check itself went beyond, in words; undefined when it kept within all of them. Checks count on
 * the numbers of the test contract. Operators choose their own, and a server is not wrong because a check asks for more
 * than it announces. The chapters `limits` and `rates` go beyond numbers of their own on purpose.
 */
export function exhaustion(
  peers: readonly Peer[],
  welcome: Welcome | undefined,
  { chapter, overrides }: Counting,
): string | undefined {
  const { limits, rates = [] } = welcome ?? {};
  if (!limits) return undefined;
  const asked = (variable: VariableName) => Number(overrides[variable] ?? usual(variable) ?? 0);
  const small = names.filter((name) => limits[name] < asked(`PARLOR_${upper(name)}`));
  // The budget of mistakes is the one that belongs to another chapter.
  const counted = chapter === 'limits' ? small.filter((name) => name === BUDGET) : small;
  const scarce = rates.filter(({ bucket, limit }) => limit < asked(`PARLOR_${kind(bucket)}_LIMIT`));
  const closing = rates.filter(
    ({ bucket, close_after }) =>
      close_after > 0 && close_after !== asked(`PARLOR_${kind(bucket)}_CLOSE_AFTER`),
  );
  const reasons: readonly ((peer: Peer) => string | undefined)[] = [
    ...counted.map(
      (name) => (peer: Peer) =>
        excesses[name](peer, limits[name], peers) ? `\`${name}\` is ${limits[name]}` : undefined,
    ),
    (peer) => (chapter === 'rates' ? undefined : rate(peer, peers, scarce)),
    (peer) => refusals(peer, closing),
  ];
  const found = reasons.flatMap((reason) => peers.map(reason)).find((each) => each !== undefined);
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

function rate(peer: Peer, peers: readonly Peer[], rates: readonly Rate[]): string | undefined {
  for (const { data, at } of peer.refusals()) {
    const found = rates.find(({ bucket }) => bucket === data.bucket);
    if (!found) continue;
    const sharing = peers.filter((each) => each === peer || each.user === peer.user);
    const sent = sharing
      .flatMap(({ said }) => said)
      .filter((each) => found.types.includes(each.type))
      .filter((each) => each.at < at && each.at > at - found.window_ms - SLACK_MS);
    if (sent.length > found.limit)
      return `the bucket '${found.bucket}' has ${found.limit} messages in ${found.window_ms} ms`;
  }
  return undefined;
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

function refused(peer: Peer, code: string): boolean {
  return peer.received('error', { data: { code } }).length > 0;
}

/** Whether a connection went beyond a limit, and was told so. */
const excesses = {
  max_connections_per_user: connections,
  max_rooms: rooms,
  [BUDGET]: protocolErrors,
  max_message_bytes: messageSize,
  max_text_bytes: textSize,
};
const names = Object.keys(excesses) as (keyof typeof excesses)[];
