import type { HandshakeResponse } from '#conformance/harness/handshake.js';
import type { HttpAnswer } from '#conformance/harness/http.js';
import type { Received } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import { how, type Instance, lastOutput } from '#conformance/harness/process.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Delay } from '#conformance/harness/stalls.js';
import { Violation } from '#conformance/harness/verdict.js';
import type { Close } from '#conformance/harness/wire.js';
import { watched } from './punctuality.js';
import { ASKED } from './ways.js';

/** What a server may take for the work of closing, beside the announced grace. */
export const CLOSING_MS = 2_000;

/** What one client saw of a drain. */
export interface Drained {
  label: string;
  user: string;
  /** The rooms that it was in. */
  rooms: readonly string[];
  /** Every message in order of arrival. */
  messages: readonly Received[];
  /** Its notices that came before the Close frame. */
  notices: readonly Received[];
  /** True: it was welcomed while the drain began, or after. */
  late?: true;
  /** How its connection ended; undefined when it did not. */
  close: Close | undefined;
}

/** How a process ended. */
export interface Ending {
  status: number | null;
  /** The same in words, with what it printed last where it ended in another way than well. */
  text: string;
}

/** A drain of several clients, as it was seen from outside. */
export interface Drain {
  signal: NodeJS.Signals;
  clients: readonly Drained[];
  /** How the process ended; undefined when it did not. */
  exit: Ending | undefined;
  /** How late this process and the server were at worst, in milliseconds. */
  worst: Delay;
}

/** No heartbeat ends what the drain has to. */
export const QUIET = {
  PARLOR_HEARTBEAT_INTERVAL_MS: '30000',
  PARLOR_HEARTBEAT_TIMEOUT_MS: '10000',
};

const CLIENTS = 10;

/** So many of them have one user, where a user may have as many connections. */
export const OF_ONE_USER = 8;

// A notice is for connections, not for rooms: two of them are in none, and two in two.
const roomsOf = (index: number): readonly string[] =>
  index < 6 ? ['lounge'] : index < 8 ? [] : ['lounge', 'hall'];

// Nor is it for users: the first have one, as far as a user may have so many connections.
const labelOf = ({ welcome }: Stage, index: number): string =>
  `client-${index < Math.min(OF_ONE_USER, welcome.limits.max_connections_per_user) ? 0 : index}`;

/** What a client has seen so far. */
export function seen({ label, user, log, closed }: Peer, rooms: readonly string[] = []): Drained {
  const end = closed?.at ?? Number.POSITIVE_INFINITY;
  const notices = log.filter(({ message, at }) => message.type === 'server_shutdown' && at <= end);
  return { label, user, rooms, messages: log, notices, close: closed };
}

// What is late is for the checks to judge.
async function ended<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof Violation) return undefined;
    throw error;
  }
}

/** Whether a connection ended for what is its own, and not for the drain: a token that ends, a Pong that is late. */
export function endedOnItsOwn({ close }: Drained): boolean {
  if (close?.by !== 'frame') return false;
  return close.code === 4201 || (close.code === 4001 && close.reason === 'token_expired');
}

/** Drains a server with ten clients, each in no room, one or two; made once for all checks that only look at it. */
export function drainedBy(t: Stage, signal: 'SIGTERM' | 'SIGINT'): Promise<Drain> {
  return t.once(`drain by ${signal}`, () => observe(t, signal));
}

async function observe(t: Stage, signal: NodeJS.Signals): Promise<Drain> {
  const instance = await t.launch(QUIET);
  const peers = await Promise.all(
    Array.from({ length: CLIENTS }, (_, index) => t.connect(labelOf(t, index), { at: instance })),
  );
  for (const [index, peer] of peers.entries())
    for (const room of roomsOf(index)) await peer.joins(room);
  for (const peer of peers) await peer.staysOpen();
  return watched(t, (worst) => drains(t, instance, signal, peers, worst), instance.url);
}

async function drains(
  t: Stage,
  instance: Instance,
  signal: NodeJS.Signals,
  peers: readonly Peer[],
  worst: () => Delay,
): Promise<Drain> {
  const newcomers = await comeAmid(t, instance, signal);
  // A grace that is announced, or that of a server whose notice does not come.
  const [first] = peers;
  const notice = first && (await ended(first.receives('server_shutdown')));
  const graceMs = notice?.data.grace_ms ?? 0;
  for (const peer of newcomers.unheard)
    if (!peer.closed) peer.send('auth', { token: t.mint(peer.label) });
  const late = [...newcomers.unheard, ...(await Promise.all(newcomers.opening))];
  await Promise.all([...peers, ...late].map((peer) => ended(peer.ends(graceMs + CLOSING_MS))));
  const delay = worst();
  const exit = await ended(exits(t, instance, graceMs));
  return {
    signal,
    clients: [
      ...peers.map((peer, index) => seen(peer, roomsOf(index))),
      ...late
        .filter(({ welcomed }) => welcomed)
        .map(asLate)
        .filter(isOwed),
    ],
    exit,
    worst: delay,
  };
}

// Opens connections around the signal: those whose turn to speak it is, and those whose handshake is under way.
async function comeAmid(t: Stage, at: Instance, signal: NodeJS.Signals) {
  const subprotocols = ['parlor.v1'];
  const open = (label: string) => t.open({ label, at, token: t.mint(label), subprotocols });
  const unheard = t.announces('auth_message')
    ? [await t.open({ label: 'unheard', at, query: ASKED, subprotocols })]
    : [];
  const opening = ['early-1', 'early-2', 'early-3'].map(open);
  await t.pause(1);
  opening.push(...['amid-1', 'amid-2', 'amid-3'].map(open));
  t.note(signal);
  at.signal(signal);
  opening.push(...['late-1', 'late-2', 'late-3'].map(open));
  return { unheard, opening };
}

const asLate = (peer: Peer): Drained => ({ ...seen(peer), late: true });

// Who was not welcomed when the drain began may be closed without a notice, as the drain closes.
const isOwed = ({ notices, close }: Drained): boolean =>
  notices.length > 0 || close?.by !== 'frame' || ![1012, 1001].includes(close.code);

/** How a server that is about to end received those who came then. */
export interface Doors {
  /** What came of a WebSocket connection that was opened after the notice. */
  late: { response: HandshakeResponse; welcomed: boolean; close: Close | undefined };
  /** The answer to a request for its health; undefined where there was no connection to be had. */
  health: HttpAnswer | undefined;
  /** The same of `/stats`. */
  stats: HttpAnswer | undefined;
}

/** Knocks at the doors of a server that drains; made once for all checks that look at it. */
export function doorsOf(t: Stage): Promise<Doors> {
  return t.once('doors', () => knock(t));
}

async function knock(t: Stage): Promise<Doors> {
  const at = await t.launch(QUIET);
  const ann = await t.connect('ann', { at });
  at.signal('SIGTERM');
  const { data } = await ann.receives('server_shutdown');
  const [late, health, stats] = await Promise.all([
    comesLate(t, at, data.grace_ms ?? 0),
    // A listening socket that is closed already is right, too.
    ended(t.http('/health/websocket', { at })),
    ended(t.http('/stats', { at })),
  ]);
  return { late, health, stats };
}

async function comesLate(t: Stage, at: Instance, graceMs: number): Promise<Doors['late']> {
  const eve = await t.open({ label: 'eve', at, token: t.mint('eve'), subprotocols: ['parlor.v1'] });
  await ended(
    eve.until(
      () => eve.received('welcome')[0] ?? eve.closed,
      () => ({ expected: 'the end of a connection without welcome', actual: 'it is still open' }),
      { extraMs: graceMs + 2 * CLOSING_MS, outlivesClose: true },
    ),
  );
  return { response: eve.response, welcomed: eve.welcomed, close: eve.closed };
}

/** Tells in the timeline of a check what came of knocking. */
export function retoldDoors(t: Stage, { late, health, stats }: Doors): void {
  t.note('observed once for several checks: after SIGTERM and the notice, eve and requests come');
  const { status } = late.response;
  t.note(
    `eve: ${status === 0 ? 'no connection' : `HTTP ${status}`}${late.welcomed ? ', welcome' : ''}`,
  );
  const told = (answer: HttpAnswer | undefined) =>
    answer ? `HTTP ${answer.status} ${answer.body}` : 'no connection';
  t.note(`GET /health/websocket: ${told(health)}`);
  t.note(`GET /stats: ${told(stats)}`);
}

/** How the process ends, within the announced grace and the time for closing. */
export async function exits(t: Stage, instance: Instance, graceMs: number): Promise<Ending> {
  const exit = await t.within(
    instance.exited,
    {
      expected: `the process exits within ${graceMs} + 5,000 ms of the signal`,
      actual: 'it still runs',
      hint: 'Cut the connections whose clients do not answer the Close frame; libraries wait for up to 30 s.',
    },
    graceMs,
  );
  const output = exit.status === 0 ? '' : lastOutput(instance);
  return { status: exit.status, text: `it ended ${how(exit)}${output}` };
}

/** Tells a drain that was observed for several checks in the timeline of one of them. */
export function retold(t: Stage, { clients, exit, signal }: Drain): void {
  t.note(`observed once for several checks: ${CLIENTS} clients, then ${signal}`);
  for (const { label, rooms, notices, close } of clients) {
    t.note(`${label} was in ${rooms.join(' and ') || 'no room'}`);
    for (const { message } of notices) t.note(`${label} received ${JSON.stringify(message)}`);
    t.note(`${label}: ${close?.detail ?? 'still open'}`);
  }
  t.note(`the process: ${exit?.text ?? 'it still ran'}`);
}
