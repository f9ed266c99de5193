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
  const scarce = ({ bucket, limit }: Rate) =>
    limit < asked(bucket === 'messages' ? 'PARLOR_MESSAGES_LIMIT' : 'PARLOR_CONTROL_LIMIT');
  const {
    max_connections_per_user: connectionsPerUser,
    max_rooms,
    max_protocol_errors,
    max_message_bytes,
    max_text_bytes,
  } = limits;
  const closing = ({ bucket, close_after }: Rate) =>
    close_after > 0 &&
    close_after !==
      asked(bucket === 'messages' ? 'PARLOR_MESSAGES_CLOSE_AFTER' : 'PARLOR_CONTROL_CLOSE_AFTER');
  const ofLimits = chapter === 'limits';
  const kinds: readonly (readonly [small: boolean, reason: (peer: Peer) => string | undefined])[] =
    [
      [
        !ofLimits && connectionsPerUser < asked('PARLOR_MAX_CONNECTIONS_PER_USER'),
        (peer) => connections(peer, peers, connectionsPerUser),
      ],
      [!ofLimits && max_rooms < asked('PARLOR_MAX_ROOMS'), (peer) => rooms(peer, max_rooms)],
      [chapter !== 'rates', (peer) => rate(peer, peers, rates.filter(scarce))],
      [true, (peer) => refusals(peer, rates.filter(closing))],
      [
        max_protocol_errors < asked('PARLOR_MAX_PROTOCOL_ERRORS'),
        (peer) => protocolErrors(peer, max_protocol_errors),
      ],
      [
        !ofLimits && max_message_bytes < asked('PARLOR_MAX_MESSAGE_BYTES'),
        (peer) => size(peer, max_message_bytes),
      ],
      [
        !ofLimits && max_text_bytes < asked('PARLOR_MAX_TEXT_BYTES'),
        (peer) => textSize(peer, max_text_bytes),
      ],
    ];
  const found = kinds
    .filter(([small]) => small)
    .flatMap(([, reason]) => peers.map(reason))
    .find((each) => each !== undefined);
  return found === undefined ? undefined : `${found}, and this check needs more`;
}

function connections(peer: Peer, peers: readonly Peer[], most: number): string | undefined {
  if (peer.closed?.code !== CONNECTION_LIMIT) return undefined;
  // Whose connection this is, is not known here: other checks may have others of that user.
  if (peer.user === '') return `\`max_connections_per_user\` is ${most}`;
  // Of connections that open side by side, a server may well decide on a later one first.
  const { at } = peer.closed;
  const others = peers.filter(
    (each) => each !== peer && each.user === peer.user && each.openedAt <= at,
  );
  return others.length >= most ? `\`max_connections_per_user\` is ${most}` : undefined;
}

function rooms(peer: Peer, most: number): string | undefined {
  const joins = peer.said.filter(({ type }) => type === 'join').length;
  return joins > most && peer.received('error', { data: { code: 'too_many_rooms' } }).length > 0
    ? `\`max_rooms\` is ${most}`
    : undefined;
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

function protocolErrors(peer: Peer, most: number): string | undefined {
  if (peer.closed?.code !== PROTOCOL_ERROR_LIMIT) return undefined;
  const made = peer.received('error', ({ data }) => PROTOCOL_ERRORS.has(data.code ?? '')).length;
  // The message that spends the budget need not be answered.
  return made >= most - 1 ? `\`max_protocol_errors\` is ${most}` : undefined;
}

function size(peer: Peer, most: number): string | undefined {
  return peer.closed?.code === TOO_BIG && peer.largest > most
    ? `\`max_message_bytes\` is ${most}`
    : undefined;
}

function textSize(peer: Peer, most: number): string | undefined {
  return peer.longestText > most &&
    peer.received('error', { data: { code: 'invalid_payload' } }).length > 0
    ? `\`max_text_bytes\` is ${most}`
    : undefined;
}
