import type { Peer } from '#conformance/harness/peer.js';
import type { OpenOptions, Stage } from '#conformance/harness/stage.js';
import { Violation } from '#conformance/harness/verdict.js';

/** An opening handshake with the subprotocol; `user` is the label of whom it is to be. */
export function opened(t: Stage, options: OpenOptions, user?: string): Promise<Peer> {
  const label = user === undefined ? {} : { label: user };
  return t.open({ subprotocols: ['parlor.v1'], ...label, ...options }, user);
}

/** An opening handshake that has to be welcomed. */
export async function welcomed(t: Stage, options: OpenOptions, user?: string): Promise<Peer> {
  const peer = await opened(t, options, user);
  await peer.receives('welcome');
  return peer;
}

/** An opening handshake that has to end in this close; `what` it brings, in words, for the failure. */
export async function closed(
  t: Stage,
  options: OpenOptions,
  code: number,
  reason: string | RegExp,
  what?: string,
): Promise<Peer> {
  const peer = await t.open({ subprotocols: ['parlor.v1'], ...options });
  const of = what === undefined ? '' : ` that comes with ${what}`;
  const expected = `a connection${of} is closed with ${code} ${reason}`;
  await decided(peer, expected);
  t.assert(!peer.welcomed, {
    expected,
    actual: `it is welcomed as ${peer.welcomed ? peer.welcome.data.user : ''}`,
  });
  try {
    await peer.closes(code, reason);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    throw new Violation({ expected, actual: error.actual, hint: error.hint });
  }
  return peer;
}

/** Waits until a connection is welcomed or has ended. */
export async function decided(peer: Peer, expected: string): Promise<void> {
  await peer.until(
    () => peer.closed ?? (peer.welcomed ? true : undefined),
    () => ({ expected, actual: 'it stays open, without a welcome' }),
    { outlivesClose: true },
  );
}

/** Holds an opening handshake to have been answered over HTTP with a status from `from` to `to`. */
export function answered(t: Stage, { response, closed }: Peer, from: number, to = from): void {
  const { status } = response;
  t.assert(status >= from && status <= to, {
    expected: from === to ? `HTTP ${from}` : `a status from ${from} to ${to}`,
    actual: status === 0 ? `no HTTP answer: ${closed?.detail}` : `HTTP ${status}`,
    hint: status === 101 ? 'The server completed the handshake, and was to refuse it.' : undefined,
  });
}

/** A refusal that any server can be made to give. */
export interface Refusal {
  what: string;
  options: OpenOptions;
  reason: string;
}

/** Opening handshakes that end in 4001, each for another reason. */
export function refusals(t: Stage): Refusal[] {
  const anHourAgo = Math.floor(Date.now() / 1000) - 3_600;
  return [
    { what: 'no credential', options: {}, reason: 'token_missing' },
    { what: 'a token that is none', options: { token: 'nonsense' }, reason: 'token_invalid' },
    {
      what: 'an expired token',
      options: { token: t.mint('ann', { exp: anHourAgo }) },
      reason: 'token_expired',
    },
    {
      what: 'two tokens',
      options: { token: t.mint('ann'), headers: { Authorization: `Bearer ${t.mint('ann')}` } },
      reason: 'credentials_conflict',
    },
  ];
}

/** One connection of a user more than `limits.max_connections_per_user`; the others stay open. */
export async function oneTooMany(t: Stage, label: string): Promise<Peer> {
  const most = t.welcome.limits.max_connections_per_user;
  if (most > 200) t.notExercised(`a user may have ${most} connections, too many to open here`);
  for (let count = 0; count < most; count += 10)
    await Promise.all(Array.from({ length: Math.min(10, most - count) }, () => t.connect(label)));
  return t.open({ subprotocols: ['parlor.v1'], token: t.mint(label) });
}
