import type { Peer } from '#conformance/harness/peer.js';
import type { OpenOptions, Stage } from '#conformance/harness/stage.js';
import type { Changes } from '#conformance/harness/tokens.js';
import { Violation } from '#conformance/harness/verdict.js';
import { opened, welcomed } from './openings.js';

/** The query of a connection that brings its token in the first message. */
export const ASKED = [['auth', 'message']] as const;

/** A welcomed connection, and where its token came, in words. */
export interface Way {
  where: string;
  peer: Peer;
}

/** How to open one, and which claims of its token to change. */
export type WayOptions = OpenOptions & { claims?: Changes };

// How long the server waits for `auth` is announced nowhere; within this time it is not over.
const LATE_MS = 300;

const late = new WeakSet<Peer>();

/** A connection that is to bring its token in the first message. */
export async function asked(t: Stage, options: OpenOptions = {}, user?: string): Promise<Peer> {
  const since = performance.now();
  const peer = await opened(t, { query: ASKED, ...options }, user);
  if (performance.now() - since > LATE_MS) late.add(peer);
  return peer;
}

/** Does what tells nothing where the first message came when the server had given it up. */
export async function heardInTime<T>(t: Stage, peer: Peer, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof Violation && late.has(peer) && peer.closed?.reason === 'auth_timeout')
      t.tooLate('the machine was too slow: the server no longer waited for the first message');
    throw error;
  }
}

/** A connection that is welcomed by the token in its first message. */
export async function byMessage(
  t: Stage,
  label: string,
  { claims = {}, ...options }: WayOptions = {},
): Promise<Peer> {
  const peer = await asked(t, options, label);
  peer.send('auth', { token: t.mint(label, claims) });
  await heardInTime(t, peer, () => peer.receives('welcome'));
  return peer;
}

/** A connection that is welcomed by the token in its header. */
export function byHeader(
  t: Stage,
  label: string,
  { claims = {}, ...options }: WayOptions = {},
): Promise<Peer> {
  const headers = { Authorization: `Bearer ${t.mint(label, claims)}` };
  return welcomed(t, { ...options, headers }, label);
}

/** A connection for each way of a token but the query, which all other checks take; each is another user's. */
export async function otherWays(t: Stage, options: WayOptions = {}): Promise<Way[]> {
  const ways = [
    { where: 'in the header Authorization', peer: await byHeader(t, 'header', options) },
  ];
  if (t.announces('auth_message'))
    ways.push({ where: 'in the first message', peer: await byMessage(t, 'first', options) });
  return ways;
}

/** What is usually wrong where a server treats connections otherwise by the way of their token. */
export const oneWay = (where: string) =>
  `The token of this connection came ${where}. Once it is taken, all connections are alike: let each way end in one function that keeps the claims, counts the connection, sets its timers and welcomes it.`;
