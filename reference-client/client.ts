import type { Welcome } from '#schemas/types.js';
import type { End, Next } from './closing.js';
import { Emitter, type EventName, type Listener, type Status } from './events.js';
import { encode, type Frame, type Incoming } from './frames.js';
import { Link } from './link.js';
import {
  type BinaryOptions,
  type ClientOptions,
  type CustomOptions,
  ids,
  socketOf,
  type TextOptions,
} from './options.js';
import { defaultParts, type Parts } from './parts.js';
import {
  type CustomOutcome,
  dataOf,
  eventOf,
  type MembersOutcome,
  membersOf,
  type Outcome,
  type Reader,
  type Unaccepted,
} from './queue.js';
import type { JoinOutcome } from './rooms.js';
import { type Clock, type Socket, systemClock } from './surroundings.js';
import { type Message, Traffic } from './traffic.js';

const QUEUE_LIMIT = 1_000;
// Servers warn 60 s before; this is for those that do not.
const LONGEST_LEAD_MS = 45_000;
const UNREACHED: End = { code: 1006, reason: '' };

/** A client that keeps a connection by itself, in its rooms and with what was said. */
export class Client {
  readonly #options: ClientOptions;
  readonly #parts: Parts;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #events = new Emitter();
  readonly #traffic: Traffic;
  #status: Status = 'connecting';
  #link: Link | undefined;
  #cancel: () => void = () => undefined;
  #cancelRenewal: () => void = () => undefined;
  #renewing = false;
  // What the next decision depends on: see Situation.
  #attempts = 0;
  #fresh = false;
  #renewalSpent = false;
  #atOnceSpent = false;

  /** Begins to connect; `parts` are for tests. */
  constructor(options: ClientOptions, parts: Parts = defaultParts) {
    this.#options = options;
    this.#parts = parts;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#traffic = new Traffic({
      clock: this.#clock,
      random: this.#random,
      parts,
      events: this.#events,
      queueLimit: options.queueLimit ?? QUEUE_LIMIT,
      nextId: ids(),
      renew: () => void this.#renew(),
    });
    // A wrong address is told at once, and not tried for ever.
    new URL(options.url);
    socketOf(options);
    // The application adds its listeners first.
    queueMicrotask(() => void this.#attempt());
  }

  /** Where the client stands. */
  get status(): Status {
    return this.#status;
  }

  /** Adds a listener for an event; the answer removes it. */
  on<K extends EventName>(name: K, listener: Listener<K>): () => void {
    return this.#events.on(name, listener);
  }

  /** Enters a room, now and after each reconnect; resolves with who is there, or why not. */
  join(room: string): Promise<JoinOutcome> {
    if (this.#status === 'closed') return Promise.resolve({ status: 'left' });
    return this.#traffic.join(room);
  }

  /** Leaves a room, behind the messages to it that wait. */
  leave(room: string): void {
    this.#traffic.leave(room);
  }

  /** Says something to a room; resolves with what became of it, throws `QueueFull` where it is not taken. */
  chat(room: string, text: string, { meta, signal }: TextOptions = {}): Promise<Outcome> {
    return this.#post(
      { type: 'chat', room, data: { text, ...(meta && { meta }) }, signal },
      eventOf,
    );
  }

  /** Says something to one user, where `direct` is announced. */
  direct(to: string, text: string, { meta, signal }: TextOptions = {}): Promise<Outcome> {
    return this.#post(
      { type: 'direct', data: { to, text, ...(meta && { meta }) }, signal },
      eventOf,
    );
  }

  /** Says something to everybody, where `broadcast` is announced. */
  broadcast(text: string, { meta, signal }: TextOptions = {}): Promise<Outcome> {
    return this.#post(
      { type: 'broadcast', data: { text, ...(meta && { meta }) }, signal },
      eventOf,
    );
  }

  /** Sends bytes to a room, where `binary` is announced. */
  sendBinary(
    room: string,
    payload: Uint8Array,
    { contentType, name, meta, signal }: BinaryOptions = {},
  ): Promise<Outcome> {
    const data = {
      ...(contentType && { content_type: contentType }),
      ...(name && { name }),
      ...(meta && { meta }),
    };
    return this.#post({ type: 'binary', room, data, payload, signal }, eventOf);
  }

  /** Asks who is in a room, behind what was said to it; after `join`, the events `join` and `leave` tell the same. */
  members(room: string, { signal }: Pick<TextOptions, 'signal'> = {}): Promise<MembersOutcome> {
    return this.#post({ type: 'members', room, signal }, membersOf);
  }

  /** Sends a message of the application's own types, which begin with `x.`; it is never sent twice. */
  custom(
    type: `x.${string}`,
    data: Readonly<Record<string, unknown>> = {},
    { room, signal }: CustomOptions = {},
  ): Promise<CustomOutcome> {
    if (!type.startsWith('x.'))
      throw new TypeError(`expected a type that begins with x., got ${JSON.stringify(type)}`);
    return this.#post({ type, room, data, signal }, dataOf);
  }

  /** Tells a room that the user writes, or does not any more; false where it could not be told at once, and is not. */
  typing(room: string, active: boolean): boolean {
    return this.#traffic.typing(room, active);
  }

  /** Stops for good. What was sent and has no answer is of unknown outcome, the rest is not sent. */
  close(): void {
    if (this.#status === 'closed') return;
    this.#link?.close();
    this.#stop({ code: this.#parts.closeCodes.done, reason: '' });
  }

  #post<T>(message: Message, read: Reader<T>): Promise<T | Unaccepted> {
    if (this.#status === 'closed') return Promise.resolve({ status: 'not_sent' });
    return this.#traffic.post(message, read);
  }

  async #attempt(): Promise<void> {
    if (this.#status === 'closed') return;
    this.#enter('connecting');
    let token: string | undefined;
    try {
      token = await this.#options.token?.();
    } catch (cause) {
      this.#fail('no_token', 'The source of tokens failed.', cause);
      return this.#ended(UNREACHED);
    }
    if (this.#status !== 'connecting') return;
    let socket: Socket;
    try {
      socket = this.#open(token);
    } catch {
      // The platform's words may hold the address, and so the token.
      this.#fail('no_socket', 'The platform did not open a WebSocket.');
      return this.#ended(UNREACHED);
    }
    const byMessage = token !== undefined && this.#options.authentication === 'message';
    const opening: Frame | undefined = byMessage
      ? encode({ type: 'auth', data: { token } })
      : undefined;
    this.#link = new Link(socket, this.#clock, this.#parts, {
      opening,
      welcomed: (link, welcome, timestamp) => this.#welcomed(link, welcome, timestamp),
      received: (message) => this.#received(message),
      ping: () => this.#traffic.ping(),
      ended: (_, end) => this.#ended(end),
    });
  }

  #open(token: string | undefined): Socket {
    const url = new URL(this.#options.url);
    if (token !== undefined && this.#options.authentication === 'message')
      url.searchParams.set('auth', 'message');
    else if (token !== undefined) url.searchParams.set('token', token);
    return new (socketOf(this.#options))(url.href, [...this.#parts.protocols]);
  }

  #welcomed(link: Link, welcome: Welcome, timestamp: string | undefined): void {
    this.#fresh = false;
    this.#plan(welcome.auth?.expires_at, timestamp);
    this.#enter('open');
    this.#events.emit('welcome', welcome);
    this.#traffic.begin(link, welcome);
  }

  #received(message: Incoming): void {
    if (message.type === 'server_shutdown') this.#events.emit('shutdown', message.data as never);
    this.#traffic.receive(message);
  }

  #ended(end: End): void {
    if (this.#status === 'closed') return;
    const link = this.#link;
    this.#link = undefined;
    this.#renewing = false;
    this.#cancelRenewal();
    if (link?.well) {
      this.#attempts = 0;
      this.#renewalSpent = false;
      this.#atOnceSpent = false;
    }
    const next = this.#parts.afterEnd(end, {
      notice: link?.notice,
      canRenew: this.#options.token !== undefined,
      fresh: this.#fresh,
      renewalSpent: this.#renewalSpent,
      atOnceSpent: this.#atOnceSpent,
    });
    this.#traffic.ended(end);
    if (next.action === 'stop') {
      this.#stop(end);
      return;
    }
    const wait = this.#waitFor(next);
    this.#cancel = this.#clock.after(wait, () => void this.#attempt());
    this.#enter('waiting');
    this.#events.emit('disconnected', { ...end, wait });
  }

  #waitFor({ action, retryAfter }: Next): number {
    if (action === 'renew') {
      this.#fresh = true;
      this.#renewalSpent = true;
      return retryAfter;
    }
    if (action === 'at_once') {
      this.#atOnceSpent = true;
      return this.#parts.atOnce(retryAfter, this.#random);
    }
    this.#attempts += 1;
    return this.#parts.backOff(this.#attempts - 1, retryAfter, this.#random);
  }

  #stop(end: End): void {
    this.#link = undefined;
    this.#cancel();
    this.#cancelRenewal();
    this.#enter('closed');
    this.#traffic.stop();
    this.#events.emit('disconnected', { ...end, wait: null });
    this.#events.emit('end', end);
  }

  /** Plans the renewal of a token by the server's own clock. */
  #plan(expiresAt: string | null | undefined, timestamp: string | undefined): void {
    this.#cancelRenewal();
    const left = Date.parse(expiresAt ?? '') - Date.parse(timestamp ?? '');
    if (!(left > 0)) return;
    const lead = Math.min(LONGEST_LEAD_MS, left / 2);
    this.#cancelRenewal = this.#clock.after(left - lead, () => void this.#renew());
  }

  /** Gives the present connection a new token. */
  async #renew(): Promise<void> {
    const link = this.#link;
    const source = this.#options.token;
    if (this.#renewing || !source || !link?.welcome?.features.includes('auth_refresh')) return;
    this.#renewing = true;
    try {
      const token = await source();
      if (link === this.#link) this.#present(token);
    } catch (cause) {
      this.#renewing = false;
      this.#fail('no_token', 'The source of tokens failed.', cause);
    }
  }

  #present(token: string): void {
    const wait = this.#traffic.auth(token, ({ type, timestamp, data }) => {
      this.#renewing = false;
      if (type === 'ack') this.#plan(String(data['expires_at']), timestamp);
      else this.#fail(String(data['code']), 'The server did not take the new token.');
    });
    if (wait === 0) return;
    this.#cancelRenewal();
    if (wait < Number.POSITIVE_INFINITY)
      this.#cancelRenewal = this.#clock.after(wait, () => this.#present(token));
    else this.#renewing = false;
  }

  #fail(code: string, message: string, cause?: unknown): void {
    this.#events.emit('error', { code, message, ...(cause !== undefined && { cause }) });
  }

  #enter(status: Status): void {
    if (status === this.#status) return;
    this.#status = status;
    this.#events.emit('status', status);
  }
}

/** Connects to a server, and stays connected until it is closed, or told to stop. */
export function connect(options: ClientOptions): Client {
  return new Client(options);
}
