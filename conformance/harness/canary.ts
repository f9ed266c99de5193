import { opcodes } from './frames.js';
import type { RequestInit } from './handshake.js';
import { TICK_MS, type Canary as Watched } from './watchdog.js';
import { Wire } from './wire.js';

const RETRY_MS = 500;
const FIRST_PONG_MS = 2_000;

/** A connection of its own that exchanges WebSocket Pings with the target, to tell a busy machine from a mute server. */
export class Canary implements Watched {
  readonly #url: URL;
  readonly #request: () => RequestInit;
  readonly #roundTrip: (ms: number) => void;
  readonly #mostBytes: number;
  #wire: Wire | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #count = 0;
  #lastPong = performance.now();
  #works = false;
  #waitsSince: number | undefined;
  #closed = false;

  /**
   * `request` is asked for the opening handshake of each connection, `roundTrip` is told how long each took; of a
   * connection that brings more than `mostBytes` nothing more is read, and nothing more is known.
   */
  constructor(
    url: URL,
    request: () => RequestInit,
    roundTrip: (ms: number) => void,
    mostBytes = Number.POSITIVE_INFINITY,
  ) {
    this.#mostBytes = mostBytes;
    this.#url = url;
    this.#request = request;
    this.#roundTrip = roundTrip;
  }

  get roundTrips(): number | undefined {
    return this.#works ? this.#count : undefined;
  }

  get silentFor(): number {
    return performance.now() - this.#lastPong;
  }

  /** For how long a Ping, or a handshake, has been waiting for its answer, in milliseconds; 0 where none does. */
  get waitingFor(): number {
    return this.#works && this.#waitsSince !== undefined ? performance.now() - this.#waitsSince : 0;
  }

  /** Connects; true when the target answers Pings, within 3 s. */
  async start(): Promise<boolean> {
    const end = performance.now() + FIRST_PONG_MS;
    this.#connect();
    while (this.#count === 0 && this.#closed === false && performance.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 5));
    this.#works = this.#count > 0;
    if (!this.#works) this.stop();
    return this.#works;
  }

  /** Ends the connection for good. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#wire?.destroy('the run is over');
  }

  #connect(): void {
    if (this.#stopped) return;
    // A server that lets nobody in is held up as well.
    this.#waitsSince = performance.now();
    const ping = () => {
      this.#waitsSince ??= performance.now();
      wire.send({ opcode: opcodes.ping, payload: 'canary' });
    };
    const wire = new Wire(this.#url, this.#request(), {
      response: ({ status }) => status === 101 && ping(),
      frame: () => {
        if (wire.bytesRead <= this.#mostBytes) return;
        this.#works = false;
        this.stop();
      },
      unit: (unit) => {
        if (unit.kind === 'ping') wire.pong(unit.payload);
        if (unit.kind === 'close') wire.close();
        if (unit.kind !== 'pong' || unit.payload.toString() !== 'canary') return;
        this.#count += 1;
        this.#lastPong = performance.now();
        const took = this.#lastPong - (this.#waitsSince ?? this.#lastPong);
        this.#waitsSince = undefined;
        this.#roundTrip(took);
        clearTimeout(this.#timer);
        // Twice a tick, so that on a quiet machine each tick sees at least one round trip.
        this.#timer = setTimeout(ping, Math.max(0, TICK_MS / 2 - took));
      },
      close: () => {
        this.#closed = true;
        clearTimeout(this.#timer);
        // What it waited for until now is not coming any more.
        if (this.waitingFor > 0) this.#roundTrip(this.waitingFor);
        this.#waitsSince = undefined;
        if (!this.#stopped) this.#timer = setTimeout(() => this.#connect(), RETRY_MS);
      },
      end: () => {},
      fault: () => {},
    });
    this.#wire?.destroy('the canary reconnects');
    this.#wire = wire;
  }
}
