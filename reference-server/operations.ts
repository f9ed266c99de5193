import { closes } from '#schemas/closes.js';
import type { Body } from '#schemas/types.js';
import { type Instant, timestamp } from './clock.js';
import type { Core, Counters } from './state.js';

// Beside the registry: no code in the Close frame, and no Close frame at all.
const registered = new Set<number>([...closes.map(({ code }) => code), 1005, 1006]);

const SPAN_S = 60;
const SLOT_MS = 100;
const SLOTS = (SPAN_S * 1_000) / SLOT_MS;

/** What the server counts; windows are kept in slots of 100 ms. */
export class Tally implements Counters {
  /** Accepted messages of the bucket `messages`. */
  total = 0;
  readonly messages = new Map<string, number>();
  readonly errors = new Map<string, number>();
  readonly closes = new Map<string, number>();
  readonly #slots = new Uint32Array(SLOTS + 1);
  readonly #started: number;
  #slot = 0;

  /** `started`: the steady time at which the server began. */
  constructor(started: number) {
    this.#started = started;
  }

  accepted(at: Instant): void {
    this.total += 1;
    const slot = this.#turn(at.steady);
    this.#slots[slot] = (this.#slots[slot] ?? 0) + 1;
  }

  message(type: string): void {
    this.messages.set(type, (this.messages.get(type) ?? 0) + 1);
  }

  error(code: string): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }

  close(code: number): void {
    // Clients may choose among thousands: the unregistered count as one.
    const name = registered.has(code) ? String(code) : 'other';
    this.closes.set(name, (this.closes.get(name) ?? 0) + 1);
  }

  /** Seconds since the server began. */
  uptime(at: Instant): number {
    return Math.max(0, at.steady - this.#started) / 1_000;
  }

  /** Accepted messages of the last 60 s. */
  recent(at: Instant): number {
    this.#turn(at.steady);
    return this.#slots.reduce((sum, count) => sum + count, 0);
  }

  /** Empties the slots whose time is over, and gives the present one. */
  #turn(now: number): number {
    const slot = Math.floor((now - this.#started) / SLOT_MS);
    const stale = Math.min(slot - this.#slot, this.#slots.length);
    for (let back = 0; back < stale; back += 1) this.#slots[(slot - back) % this.#slots.length] = 0;
    this.#slot = Math.max(slot, this.#slot);
    return this.#slot % this.#slots.length;
  }
}

/** The decisions of the chapter `operations`. */
export interface OperationsParts {
  /** The connections that count as active. */
  active(core: Core): number;
  /** The status of `GET /stats`. */
  statsStatus(core: Core): number;
  /** The body of `GET /stats`. */
  stats(core: Core, tally: Tally, at: Instant): Body<'stats'>;
  /** The status and body of `GET /health/websocket`. */
  health(core: Core, at: Instant): { readonly status: number; readonly body: Body<'health'> };
  /** Whether a method is answered. */
  allows(method: string): boolean;
  /** The status and title of the problem that answers any other method. */
  refusal(method: string): { readonly status: number; readonly title: string };
  /** The headers of both answers, by their status. */
  headers(status: number): Readonly<Record<string, string>>;
}

/** As the specification has it. */
export const operations: OperationsParts = {
  active: (core) => core.connections.size,
  statsStatus: () => 200,

  stats(core, tally, at) {
    const uptime = tally.uptime(at);
    const span = Math.min(SPAN_S, uptime);
    return {
      active_connections: core.parts.operations.active(core),
      total_messages: tally.total,
      uptime_seconds: uptime,
      messages_per_second: span === 0 ? 0 : tally.recent(at) / span,
    };
  },

  health(core, at) {
    const state = core.draining ? 'draining' : core.broker.healthy() ? 'healthy' : 'degraded';
    return {
      status: state === 'healthy' ? 200 : 503,
      body: {
        status: state,
        active_connections: core.parts.operations.active(core),
        timestamp: timestamp(at.wall),
      },
    };
  },

  allows: (method) => method === 'GET' || method === 'HEAD',

  refusal: () => ({ status: 405, title: 'Method Not Allowed' }),

  headers: () => ({ 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }),
};
