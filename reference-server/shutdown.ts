import { type Instant, timestamp } from './clock.js';
import { refuse } from './errors.js';
import { perform } from './perform.js';
import type { Closing, Connection, Core, Effect, Gate, Notice } from './state.js';

/** The signals that ask a process to stop. */
export type Signal = 'SIGTERM' | 'SIGINT';

/** The decisions of the chapter `shutdown`. */
export interface ShutdownParts {
  /** What one connection is told; `chance` is uniform from 0 to 1. */
  notice(core: Core, reason: Notice['reason'], chance: number): Notice;
  /** The effects that tell it to a connection. */
  announce(notice: Notice, at: Instant, connection: Connection): readonly Effect[];
  /** How a connection ends that had this notice. */
  closing(notice: Notice): Closing;
  /** Milliseconds from the notice to the close. */
  closesIn(notice: Notice): number;
  /** Whether a request that comes after the notice is refused. */
  refuses(type: string): boolean;
  /** Whether those who stay a moment longer are told that a drained user has left. */
  readonly tellsLeaves: boolean;
  /** Whether a connection may still be welcomed. */
  admits(core: Core): boolean;
  /** How a connection ends that was not welcomed in time. */
  late(core: Core): Closing;
  /** Milliseconds that the peers have to answer their Close frames before they are cut. */
  readonly patienceMs: number;
  /** What a signal makes of a process: it begins a drain of that reason, ends at once, or goes on. */
  onSignal(signal: Signal, draining: boolean): Notice['reason'] | 'end' | 'ignore';
  /** The exit status of a drained process. */
  status(): number;
}

/** As the specification has it. */
export const shutdown: ShutdownParts = {
  notice({ config }, reason, chance) {
    const { reconnectSpreadMs, graceMs } = config;
    return {
      reason,
      grace_ms: graceMs,
      reconnect: reason !== 'shutdown',
      retry_after_ms: reason === 'shutdown' ? 0 : Math.round(chance * reconnectSpreadMs),
    };
  },

  announce: (notice, at) => [
    {
      do: 'send',
      message: { type: 'server_shutdown', timestamp: timestamp(at.wall), data: { ...notice } },
    },
  ],

  closing: ({ reconnect, retry_after_ms }) =>
    reconnect
      ? { code: 1012, reason: `server_restart;retry_after_ms=${retry_after_ms}` }
      : { code: 1001, reason: 'server_shutdown' },

  closesIn: (notice) => notice.grace_ms,
  refuses: (type) => type !== 'ping',
  tellsLeaves: false,
  admits: (core) => core.draining === null,
  late(core) {
    const { reason, random } = core.draining ?? { reason: 'shutdown', random: Math.random };
    return this.closing(this.notice(core, reason, random()));
  },
  patienceMs: 2_500,

  onSignal(signal, draining) {
    if (draining) return 'end';
    return signal === 'SIGINT' ? 'shutdown' : 'restart';
  },

  status: () => 0,
};

/** Refuses what comes after the notice. */
export const drainGate: Gate = (core, connection, { request, at }) =>
  connection.notice && core.parts.shutdown.refuses(request.type)
    ? refuse(core, connection, request, at, 'shutting_down', 'The server is shutting down.', {
        retry_after_ms: connection.notice.retry_after_ms,
      })
    : null;

/** Tells every welcomed connection that the server is about to stop; each is closed when its time is over. */
export function drain(core: Core, reason: Notice['reason'], random: () => number): void {
  if (core.draining) return;
  const at = core.now();
  core.draining = { reason, random, users: new Set(core.users.keys()) };
  const { shutdown: parts } = core.parts;
  for (const connection of [...core.connections.values()]) {
    const notice = parts.notice(core, reason, random());
    connection.notice = notice;
    perform(core, connection, parts.announce(notice, at, connection));
    core.agenda.in(parts.closesIn(notice), () => dismiss(core, connection, notice));
  }
}

function dismiss(core: Core, connection: Connection, notice: Notice): void {
  const closing = core.parts.shutdown.closing(notice);
  perform(core, connection, [{ do: 'close', closing }]);
}
