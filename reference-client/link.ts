import type { ServerMessage, Welcome } from '#schemas/types.js';
import type { End, Notice } from './closing.js';
import { type Frame, type Incoming, isObject } from './frames.js';
import type { Parts } from './parts.js';
import type { Clock, Socket } from './surroundings.js';

/** Who hears of a connection. */
export interface LinkHandlers {
  /** What is sent when the connection is open, before `welcome`. */
  readonly opening: Frame | undefined;
  welcomed(link: Link, welcome: Welcome, timestamp: string | undefined): void;
  received(message: Incoming): void;
  /** Sends a `ping`; says how long that has to wait: 0 for sent, Infinity for until something is answered. */
  ping(): number;
  ended(link: Link, end: End): void;
}

// An attempt that is not welcomed by then has failed.
const WELCOME_WITHIN_MS = 30_000;
// Where a server does not say how long it takes to close.
const LONGEST_GRACE_MS = 60_000;
const SILENT: End = { code: 4201, reason: 'heartbeat_timeout' };

/** One connection, from the attempt to its end. */
export class Link {
  /** The last `server_shutdown`. */
  notice: Notice | undefined;
  welcome: Welcome | undefined;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #parts: Parts;
  readonly #handlers: LinkHandlers;
  #welcomedAt = Number.POSITIVE_INFINITY;
  #heardAt = 0;
  #pingedAt: number | undefined;
  #over = false;
  #cancel: () => void;

  constructor(socket: Socket, clock: Clock, parts: Parts, handlers: LinkHandlers) {
    this.#socket = socket;
    this.#clock = clock;
    this.#parts = parts;
    this.#handlers = handlers;
    this.#cancel = clock.after(WELCOME_WITHIN_MS, () => this.#giveUp({ code: 1006, reason: '' }));
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      if (handlers.opening !== undefined) this.send(handlers.opening);
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => this.#end({ code, reason });
    // A close follows, and says more.
    socket.onerror = () => undefined;
  }

  /** Whether requests may be sent. */
  get usable(): boolean {
    return !this.#over && this.#parts.usable(this);
  }

  /** Whether the connection has been open for long enough after `welcome`. */
  get well(): boolean {
    return this.#clock.now() - this.#welcomedAt >= this.#parts.wellAfterMs;
  }

  send(frame: Frame): void {
    if (!this.#over) this.#socket.send(frame);
  }

  /** Ends the connection because the application is done. */
  close(): void {
    this.#putAside(this.#parts.closeCodes.done);
  }

  #receive(data: unknown): void {
    this.#heardAt = this.#clock.now();
    const message = this.#parts.decode(data);
    if (!message) return;
    if (message.type === 'welcome') this.#begin(message);
    else if (this.welcome) {
      if (message.type === 'server_shutdown') this.heed(message.data);
      this.#handlers.received(message);
    }
  }

  #begin({ data, timestamp }: Incoming): void {
    if (this.welcome || !isWelcome(data)) return;
    this.welcome = data;
    this.#welcomedAt = this.#clock.now();
    this.#watch();
    this.#handlers.welcomed(this, data, timestamp);
  }

  /** Takes the server's word that it is about to close the connection: no request is sent any more. */
  heed(data: Incoming['data']): void {
    const { reconnect, retry_after_ms, grace_ms } = data as Partial<
      ServerMessage<'server_shutdown'>['data']
    >;
    this.notice = { reconnect: reconnect !== false, retryAfter: Number(retry_after_ms ?? 0) || 0 };
    // Nor a `ping`: the server has said how long it takes at most.
    const patience =
      Number(grace_ms ?? LONGEST_GRACE_MS) + (this.welcome?.heartbeat.timeout_ms ?? 0);
    this.#after(patience, () => this.#giveUp(SILENT));
  }

  #watch(): void {
    const beat = this.welcome?.heartbeat;
    if (!beat || this.notice) return;
    const now = this.#clock.now();
    const doubt = this.#parts.judge(
      { heardAt: this.#heardAt, pingedAt: this.#pingedAt },
      beat,
      now,
    );
    if (doubt === 'give_up') this.#giveUp(SILENT);
    else this.#after(doubt === 'ping' ? this.#ask(now) : doubt.wait, () => this.#watch());
  }

  /** Asks whether the server lives; gives the time after which to judge again. */
  #ask(now: number): number {
    const wait = this.#handlers.ping();
    // Where no `ping` may be sent before an answer comes, the requests without one ask as well.
    const asked = wait === 0 || wait === Number.POSITIVE_INFINITY;
    if (asked) this.#pingedAt = now;
    return asked ? 0 : wait;
  }

  #after(milliseconds: number, run: () => void): void {
    this.#cancel();
    this.#cancel = this.#clock.after(milliseconds, run);
  }

  /** Ends a connection without waiting for the other side, which may not be there. */
  #giveUp(end: End): void {
    this.#putAside(this.#parts.closeCodes.silent);
    this.#handlers.ended(this, end);
  }

  #putAside(code: number): void {
    this.#over = true;
    this.#cancel();
    this.#socket.onopen = null;
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    this.#socket.close(code);
  }

  #end(end: End): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancel();
    this.#handlers.ended(this, end);
  }
}

/** Whether the numbers are there that a client works with. */
function isWelcome(data: unknown): data is Welcome {
  if (!isObject(data)) return false;
  const { heartbeat, limits, rates, features } = data;
  if (!isObject(heartbeat) || !isObject(limits)) return false;
  const numbers = [heartbeat['interval_ms'], heartbeat['timeout_ms'], limits['max_message_bytes']];
  return (
    numbers.every((each) => typeof each === 'number' && each > 0) &&
    Array.isArray(rates) &&
    Array.isArray(features)
  );
}
