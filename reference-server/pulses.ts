import type { Clock } from './clock.js';
import type { Link } from './link.js';
import { perform } from './perform.js';
import type { Core } from './state.js';

// Deadlines are met to a twentieth of the interval, on one timer for all connections.
const TURNS = 20;
const LEAST_TICK_MS = 5;
const MOST_TICK_MS = 1_000;

/** The heartbeats of all connections, on one timer wheel. */
export class Pulses {
  readonly #core: Core;
  readonly #now: Clock;
  readonly #tick: number;
  readonly #slots: Set<Link>[];
  readonly #begun: number;
  #turn = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(core: Core, now: Clock) {
    const { interval_ms, timeout_ms } = core.config.heartbeat;
    this.#core = core;
    this.#now = now;
    this.#tick = Math.min(Math.max(Math.floor(interval_ms / TURNS), LEAST_TICK_MS), MOST_TICK_MS);
    const turns = Math.ceil((interval_ms + timeout_ms) / this.#tick) + 2;
    this.#slots = Array.from({ length: turns }, () => new Set<Link>());
    this.#begun = now().steady;
    this.#timer = setInterval(() => this.#advance(), this.#tick);
  }

  /** Begins a connection's heartbeat. */
  begin(link: Link): void {
    link.pulse = { pinged: this.#now().steady, unanswered: null };
    this.#look(link);
  }

  /** Ends a connection's heartbeat: the wheel would hold the dead for a whole turn. */
  end(link: Link): void {
    link.slot?.delete(link);
    link.slot = null;
  }

  /** Stops the wheel. */
  stop(): void {
    clearInterval(this.#timer);
    for (const slot of this.#slots) slot.clear();
  }

  /** Catches up with the clock: a timer that came late has several slots to serve. */
  #advance(): void {
    const present = Math.floor((this.#now().steady - this.#begun) / this.#tick);
    const missed = Math.min(present - this.#turn, this.#slots.length);
    const links: Link[] = [];
    for (let turn = present - missed + 1; turn <= present; turn += 1) {
      const slot = this.#slots[turn % this.#slots.length];
      if (!slot || slot.size === 0) continue;
      links.push(...slot);
      slot.clear();
    }
    this.#turn = present;
    for (const link of links) this.#look(link);
  }

  #look(link: Link): void {
    const { connection, pulse } = link;
    if (connection.phase === 'ended' || !pulse) return;
    if (link.stirs()) link.sign('bytes');
    const slack = 3 * this.#tick;
    const { heartbeat } = this.#core.parts;
    const now = this.#now().steady;
    const beat = heartbeat.beat(pulse, now, this.#core.config.heartbeat, slack, connection);
    if (beat.act === 'ping') link.ping();
    // After a stall of this process the answer may lie unread in the socket: read first, then judge.
    if (beat.act === 'dead') setImmediate(() => this.#bury(link));
    else this.#enter(link, beat.next);
  }

  #bury(link: Link): void {
    const { connection, pulse } = link;
    if (connection.phase === 'ended' || !pulse) return;
    if (link.stirs()) link.sign('bytes');
    const closing = this.#core.parts.heartbeat.silence;
    if (pulse.unanswered === null) this.#enter(link, 0);
    else perform(this.#core, connection, [{ do: 'close', closing }]);
  }

  #enter(link: Link, delay: number): void {
    const turns = Math.min(Math.max(Math.ceil(delay / this.#tick), 1), this.#slots.length - 1);
    link.slot = this.#slots[(this.#turn + turns) % this.#slots.length] ?? null;
    link.slot?.add(link);
  }
}
