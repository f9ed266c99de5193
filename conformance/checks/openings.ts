import type { Peer } from '#conformance/harness/peer.js';
import type { OpenOptions, Stage } from '#conformance/harness/stage.js';

/** An opening handshake that has to be welcomed. */
export async function welcomed(t: Stage, options: OpenOptions, user?: string): Promise<Peer> {
  const peer = await t.open({ subprotocols: ['parlor.v1'], ...options }, user);
  await peer.receives('welcome');
  return peer;
}

/** An opening handshake that has to end in this close. */
export async function closed(
  t: Stage,
  options: OpenOptions,
  code: number,
  reason: string | RegExp,
): Promise<Peer> {
  const peer = await t.open({ subprotocols: ['parlor.v1'], ...options });
  const wanted = `the connection is closed with ${code} ${reason}`;
  await peer.until(
    () => peer.closed ?? (peer.welcomed ? true : undefined),
    () => ({ expected: wanted, actual: 'it stays open, without a welcome' }),
    { outlivesClose: true },
  );
  t.assert(!peer.welcomed, {
    expected: wanted,
    actual: `it is welcomed as ${peer.welcomed ? peer.welcome.data.user : ''}`,
  });
  await peer.closes(code, reason);
  return peer;
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
