import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { HandshakeResponse } from '#conformance/harness/handshake.js';
import type { HttpAnswer } from '#conformance/harness/http.js';
import type { Received } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import { type Instance, lastOutput } from '#conformance/harness/process.js';
import type { Stage } from '#conformance/harness/stage.js';
import { Violation } from '#conformance/harness/verdict.js';
import type { Close } from '#conformance/harness/wire.js';

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
  /** How its connection ended; undefined when it did not. */
  close: Close | undefined;
}

/** A drain of several clients, as it was seen from outside. */
export interface Drain {
  signal: NodeJS.Signals;
  clients: readonly Drained[];
  /** How the process ended; undefined when it did not. */
  exit: { status: number | null; signal: string | null } | undefined;
  /** What it printed last where it ended in another way than well, as the end of a sentence. */
  output: string;
  /** How late this process itself was at worst, in milliseconds. */
  lagMs: number;
}

/** No heartbeat ends what the drain has to. */
export const QUIET = {
  PARLOR_HEARTBEAT_INTERVAL_MS: '30000',
  PARLOR_HEARTBEAT_TIMEOUT_MS: '10000',
};

const CLIENTS = 10;

// A notice is for connections, not for rooms: two of them are in none, and two in two.
const roomsOf = (index: number): readonly string[] =>
  index < 6 ? ['lounge'] : index < 8 ? [] : ['lounge', 'hall'];

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

async function observe(t: Stage, signal: 'SIGTERM' | 'SIGINT'): Promise<Drain> {
  const instance = await t.launch(QUIET);
  const peers = await Promise.all(
    Array.from({ length: CLIENTS }, (_, index) => t.connect(`client-${index}`, { at: instance })),
  );
  for (const [index, peer] of peers.entries())
    for (const room of roomsOf(index)) await peer.joins(room);
  for (const peer of peers) await peer.staysOpen();
  const lag = monitorEventLoopDelay({ resolution: 10 });
  lag.enable();
  t.note(signal);
  instance.signal(signal);
  // A grace that is announced, or that of a server whose notice does not come.
  const [first] = peers;
  const notice = first && (await ended(first.receives('server_shutdown')));
  const graceMs = notice?.data.grace_ms ?? 0;
  await Promise.all(peers.map((peer) => ended(peer.ends(graceMs + CLOSING_MS))));
  lag.disable();
  const exit = await ended(exits(t, instance, graceMs));
  const output = exit && exit.status !== 0 ? lastOutput(instance) : '';
  return {
    signal,
    clients: peers.map((peer, index) => seen(peer, roomsOf(index))),
    exit,
    output,
    lagMs: lag.max / 1e6,
  };
}

/** How a server that is about to end received those who came then. */
export interface Doors {
  /** What came of a WebSocket connection that was opened after the notice. */
  late: { response: HandshakeResponse; welcomed: boolean; close: Close | undefined };
  /** The answer to a request for its health; undefined where there was no connection to be had. */
  health: HttpAnswer | undefined;
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
  const [late, health] = await Promise.all([
    comesLate(t, at, data.grace_ms ?? 0),
    // A listening socket that is closed already is right, too.
    ended(t.http('/health/websocket', { at })),
  ]);
  return { late, health };
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
export function retoldDoors(t: Stage, { late, health }: Doors): void {
  t.note('observed once for several checks: after SIGTERM and the notice, eve and a request come');
  const { status } = late.response;
  t.note(
    `eve: ${status === 0 ? 'no connection' : `HTTP ${status}`}${late.welcomed ? ', welcome' : ''}`,
  );
  t.note(
    `GET /health/websocket: ${health ? `HTTP ${health.status} ${health.body}` : 'no connection'}`,
  );
}

/** How the process ends, within the announced grace and the time for closing. */
export function exits(t: Stage, instance: Instance, graceMs: number) {
  return t.within(
    instance.exited,
    {
      expected: `the process exits within ${graceMs} + 5,000 ms of the signal`,
      actual: 'it still runs',
      hint: 'Cut the connections whose clients do not answer the Close frame; libraries wait for up to 30 s.',
    },
    graceMs,
  );
}

/** Tells a drain that was observed for several checks in the timeline of one of them. */
export function retold(t: Stage, { clients, exit, output, signal }: Drain): void {
  t.note(`observed once for several checks: ${CLIENTS} clients, then ${signal}`);
  for (const { label, rooms, notices, close } of clients) {
    t.note(`${label} was in ${rooms.join(' and ') || 'no room'}`);
    for (const { message } of notices) t.note(`${label} received ${JSON.stringify(message)}`);
    t.note(`${label}: ${close?.detail ?? 'still open'}`);
  }
  t.note(exit ? `the process ended: ${JSON.stringify(exit)}${output}` : 'the process still ran');
}
