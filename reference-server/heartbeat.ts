import type { Closing, Connection } from './state.js';

/** What the peer of a connection can show itself by. */
export type Sign = 'message' | 'ping' | 'pong' | 'bytes' | 'delivery';

/** One connection's heartbeat; times are steady milliseconds. */
export interface Pulse {
  /** When the last Ping was sent, or the connection welcomed. */
  pinged: number;
  /** When the oldest Ping was sent that nothing was heard after; null: none is waiting. */
  unanswered: number | null;
}

/** What to do for a connection now, and in how many milliseconds to look again. */
interface Beat {
  readonly act: 'wait' | 'ping' | 'dead';
  readonly next: number;
}

/** The announced numbers, in milliseconds. */
interface HeartbeatNumbers {
  readonly interval_ms: number;
  readonly timeout_ms: number;
}

/** The decisions of the chapter `heartbeat`. */
export interface HeartbeatParts {
  /** Enters a sign of the connection into its pulse; a delivery to the peer proves nothing of it. */
  heard(pulse: Pulse, sign: Sign): void;
  /** What a connection's pulse asks for at this moment; `slack` is how late the wheel may come. */
  beat(
    pulse: Pulse,
    now: number,
    numbers: HeartbeatNumbers,
    slack: number,
    connection?: Connection,
  ): Beat;
  /** The payload that answers a peer's Ping; null: no answer. */
  pong(payload: Buffer): Buffer | null;
  /** How a connection with a silent peer ends. */
  readonly silence: Closing;
}

/** As the specification has it. */
export const heartbeat: HeartbeatParts = {
  heard(pulse, sign) {
    if (sign !== 'delivery') pulse.unanswered = null;
  },

  beat(pulse, now, { interval_ms, timeout_ms }, slack) {
    const deadline =
      pulse.unanswered === null ? Number.POSITIVE_INFINITY : pulse.unanswered + timeout_ms;
    if (now >= deadline) return { act: 'dead', next: 0 };
    // Pings come early by the wheel's lateness, so that they are never late.
    const due = pulse.pinged + Math.max(interval_ms - slack, interval_ms / 2);
    if (now < due) return { act: 'wait', next: Math.min(due, deadline) - now };
    pulse.pinged = now;
    pulse.unanswered ??= now;
    const next = Math.min(
      Math.max(interval_ms - slack, interval_ms / 2),
      pulse.unanswered + timeout_ms - now,
    );
    return { act: 'ping', next };
  },

  pong: (payload) => payload,
  silence: { code: 4201, reason: 'heartbeat_timeout' },
};
