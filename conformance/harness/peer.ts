import { Connection } from './connection.js';
import { opcodes } from './frames.js';
import type { RequestInit } from './handshake.js';
import { closeHint, rateHint, replyHint } from './hints.js';
import type { Host } from './host.js';
import { type Match, predicate, wording } from './inbox.js';
import { type Data, describe, type Message, type Received } from './message.js';
import { Violation } from './verdict.js';
import type { Welcome } from './welcome.js';
import type { Close } from './wire.js';

/** Envelope members to add to a message; `room` is a label. */
export interface Extra {
  id?: string;
  room?: unknown;
  [member: string]: unknown;
}

const REPLIES = ['ack', 'error', 'pong'];

/** One connection in the hands of a check: what a client can say, and what it wants to hear. */
export class Peer extends Connection {
  /** The user on the wire that this connection should have; '' without credentials. */
  readonly user: string;
  readonly #rooms = new Set<string>();
  #roundTrips = 0;

  constructor(
    host: Host,
    label: string,
    user: string,
    url: URL,
    request: RequestInit,
    early?: Uint8Array,
  ) {
    super(host, label, url, request, early);
    this.user = user;
    this.entitled = user !== '';
  }

  /** The `welcome` of this connection. */
  get welcome(): Message {
    if (!this.firstWelcome) throw new Error(`${this.label} has not been welcomed`);
    return this.firstWelcome;
  }

  /** What the server announced in it: a further server may announce something else than the target. */
  get announced(): Welcome {
    return this.welcome.data as unknown as Welcome;
  }

  /** Sends a message; no `id` unless given, no waiting. */
  send(type: string, data?: unknown, extra: Extra = {}): void {
    const { room, ...rest } = extra;
    this.sendJson({
      type,
      ...rest,
      ...(room !== undefined && { room: typeof room === 'string' ? this.host.room(room) : room }),
      ...(data !== undefined && { data }),
    });
  }

  /** Sends a request with an `id`; resolves to the reply with that `ref`, whatever it says. */
  request(type: string, data?: unknown, extra: Extra = {}): Promise<Message> {
    const id = extra.id ?? this.host.nextId();
    this.send(type, data, { ...extra, id });
    return this.reply(id, type);
  }

  /** What was refused for the rate, each with the moment at which the refusal came. */
  refusals(): { data: Data; at: number }[] {
    return this.inbox.all.flatMap(({ message: { type, data }, at }) =>
      type === 'error' && data.code === 'rate_limited' ? [{ data, at }] : [],
    );
  }

  /** Waits for the reply with a `ref`; `type` names the request in failure texts. */
  reply(ref: string, type = 'request'): Promise<Message> {
    const isReply = (message: Message) => message.ref === ref && REPLIES.includes(message.type);
    const explain = () => {
      const stray = this.inbox.pending().find((each) => REPLIES.includes(each.type));
      return {
        expected: `one reply to the ${type} ${ref}: an ack, an error or a pong with that ref`,
        actual: `no reply came to ${this.label}; it received ${this.inbox.summary()}`,
        // What answers another request is no answer to this one that went astray.
        hint: stray && !this.asked(stray.ref) ? replyHint(stray.type, stray.ref) : undefined,
      };
    };
    return this.until(this.inbox.taker(isReply), explain, { inTurn: true });
  }

  /** A request that has to be acknowledged. */
  async acked(type: string, data?: unknown, extra: Extra = {}): Promise<Message> {
    const reply = await this.request(type, data, extra);
    if (reply.type === 'ack') return reply;
    const words = reply.type === 'error' ? `: ${reply.data.message}` : '';
    throw new Violation({
      expected: `an ack of the ${type}`,
      actual: `${this.label} received ${describe(reply)}${words}`,
      hint: reply.data.code === 'rate_limited' ? rateHint : undefined,
    });
  }

  /** Joins a room; resolves to the `ack`. */
  async joins(room: string, data?: unknown, extra: Extra = {}): Promise<Message> {
    const ack = await this.acked('join', data, { ...extra, room });
    this.#rooms.add(this.host.room(room));
    return ack;
  }

  /** Whether this connection has joined a room, has not left it, and is open. */
  isIn(room: string): boolean {
    return this.#rooms.has(this.host.room(room)) && this.closed === undefined;
  }

  /** Leaves a room; resolves to the `ack`. */
  async leaves(room: string, extra: Extra = {}): Promise<Message> {
    this.#rooms.delete(this.host.room(room));
    return this.acked('leave', undefined, { ...extra, room });
  }

  /** Asks who is in a room; resolves to the `ack`. */
  members(room: string, extra: Extra = {}): Promise<Message> {
    return this.acked('members', undefined, { ...extra, room });
  }

  /** Sends text to a room; resolves to the `ack`. */
  chat(room: string, text: string, extra: Extra & { meta?: unknown } = {}): Promise<Message> {
    const { meta, ...rest } = extra;
    return this.acked('chat', meta === undefined ? { text } : { text, meta }, { ...rest, room });
  }

  /** Says that the user types, or no longer does; resolves to the `ack`. */
  typing(room: string, active = true, extra: Extra = {}): Promise<Message> {
    return this.acked('typing', { active }, { ...extra, room });
  }

  /** An application `ping`; resolves to its `pong`. */
  async pings(data?: unknown): Promise<Message> {
    const reply = await this.request('ping', data);
    if (reply.type === 'pong') return reply;
    throw new Violation({
      expected: 'a pong to the ping',
      actual: `${this.label} received ${describe(reply)}`,
    });
  }

  /** A request that has to end in the error `code`; resolves to the error. */
  async refuses(
    code: string | readonly string[],
    ask: () => Promise<Message>,
    data: Data = {},
  ): Promise<Message> {
    return this.isError(await ask(), code, data);
  }

  /** Waits for the next `error`, with or without `ref`, which has to be of that code. */
  async errs(code: string | readonly string[], data: Data = {}): Promise<Message> {
    return this.isError(await this.receives('error'), code, data);
  }

  /** Holds a reply to be the error `code` with these members of `data`. */
  isError(reply: Message, code: string | readonly string[], data: Data = {}): Message {
    const codes = typeof code === 'string' ? [code] : code;
    const fits = reply.type === 'error' && codes.includes(reply.data.code ?? '');
    if (fits && predicate('error', { data })(reply)) return reply;
    throw new Violation({
      expected: `${wording('error', Object.keys(data).length > 0 ? { data } : {})} of code ${codes.join(' or ')}`,
      actual: `${this.label} received ${fits ? JSON.stringify(reply) : describe(reply)}`,
    });
  }

  /** The next unconsumed message of a type (`*`: any) that matches; the others stay. `room` in a match is a label. */
  receives(type: string, match: Match = {}, extraMs = 0): Promise<Message> {
    const named = this.#named(match);
    return this.until(
      this.inbox.taker(predicate(type, named)),
      () => ({
        expected: `${this.label} receives ${wording(type, named)}`,
        actual: `it did not come; ${this.label} received ${this.inbox.summary()}`,
      }),
      { extraMs },
    );
  }

  /** All messages so far that match, consumed or not, in order of arrival. */
  received(type = '*', match: Match = {}): Message[] {
    const fits = predicate(type, this.#named(match));
    return this.inbox.all.map(({ message }) => message).filter(fits);
  }

  /** All messages so far with raw bytes and time of arrival. */
  get log(): readonly Received[] {
    return this.inbox.all;
  }

  /** Those that concern this check: no broadcasts of others, no events of the application. */
  get concerning(): readonly Received[] {
    const aside = new Set(this.inbox.noted);
    return this.log.filter(({ message }) => !aside.has(message));
  }

  /** Messages that no check has asked for. */
  get unconsumed(): Message[] {
    return this.inbox.pending();
  }

  /** Counts the next message like this as consumed, also one that is still to come. */
  ignoreOne(type: string, match: Match = {}): void {
    this.inbox.ignoreOne(predicate(type, this.#named(match)));
  }

  /** After a round trip on this connection nothing unconsumed has come, but for the types of `except`. */
  async hearsNothing({ except = [] }: { except?: readonly string[] } = {}): Promise<void> {
    await this.staysOpen();
    const heard = this.inbox.pending().filter(({ type }) => !except.includes(type));
    const [first] = heard;
    if (!first) return;
    throw new Violation({
      expected: `${this.label} receives nothing${except.length > 0 ? ` but ${except.join(', ')}` : ''}`,
      actual: `${this.label} received ${heard.slice(0, 8).map(describe).join('; ')}: ${JSON.stringify(first).slice(0, 500)}`,
    });
  }

  /**
   * Waits until whatever `sender` sent to a room has arrived here: this peer is in the room (or joins it), the sender
   * chats a marker, this peer receives it. Costs the sender one message of its rate.
   */
  async fencedBy(sender: Peer, room: string): Promise<void> {
    if (!this.#rooms.has(this.host.room(room))) await this.joins(room);
    const text = this.host.fence();
    await sender.chat(room, text);
    await this.until(
      () => this.inbox.noted.find(({ data }) => data.text === text),
      () => ({
        expected: `the chat of ${sender.label} reaches ${this.label}, who is in the room`,
        actual: `it did not come; ${this.label} received ${this.inbox.summary()}`,
      }),
    );
  }

  /** A round trip works: an application ping where the server speaks Parlor, else a WebSocket Ping. */
  async staysOpen(): Promise<void> {
    if (this.host.parlor && this.welcomed) await this.pings();
    else await this.echoesPing();
  }

  /** Sends a WebSocket Ping and waits for the Pong with the same payload. */
  async echoesPing(payload: Uint8Array | string = this.#nextPing()): Promise<void> {
    const from = this.pongsReceived.length;
    this.sendFrame({ opcode: opcodes.ping, payload });
    await this.receivesPong(payload, from);
  }

  /** Waits for a WebSocket Pong with this payload, from the given index of `pongsReceived` on. */
  async receivesPong(payload: Uint8Array | string, from = 0): Promise<void> {
    const wanted = Buffer.from(payload as Uint8Array);
    await this.until(
      () => this.pongsReceived.slice(from).find((pong) => pong.payload.equals(wanted)),
      () => ({
        expected: `a Pong frame with the Ping's payload (${wanted.length} bytes)`,
        actual: `it did not come; ${this.pongsReceived.length - from} other Pongs came`,
      }),
    );
  }

  /** The server closes this connection with exactly this code, and this reason where one is given; `hint`: why it may stay open. */
  async closes(
    code: number | readonly number[],
    reason?: string | RegExp,
    extraMs = 0,
    hint?: string,
  ): Promise<Close> {
    const codes = typeof code === 'number' ? [code] : code;
    const wanted = `the connection is closed with ${codes.join(' or ')}${reason === undefined ? '' : ` ${reason}`}`;
    const close = await this.#ended(wanted, extraMs, hint);
    const fits =
      close.by === 'frame' &&
      codes.includes(close.code) &&
      (reason === undefined ||
        (typeof reason === 'string' ? close.reason === reason : reason.test(close.reason)));
    if (fits) return close;
    throw new Violation({
      expected: wanted,
      actual: `${this.label}: ${close.detail}`,
      hint: closeHint(codes, close, this.response.status),
    });
  }

  /** The server fails this connection: it closes with one of the codes, or drops TCP without a Close frame. */
  async fails(...codes: readonly number[]): Promise<Close> {
    const wanted = `the connection is closed with ${codes.join(' or ')}, or dropped`;
    const close = await this.#ended(wanted);
    if (close.by === 'fin' || close.by === 'reset') {
      if (this.response.status === 101) return close;
    } else if (close.by === 'frame' && codes.includes(close.code)) return close;
    throw new Violation({ expected: wanted, actual: `${this.label}: ${close.detail}` });
  }

  /** The connection ends somehow. */
  ends(extraMs = 0): Promise<Close> {
    return this.#ended('the connection ends', extraMs);
  }

  /** The server ends the TCP connection. */
  async tcpEnds(extraMs = 0): Promise<number> {
    return this.until(
      () => this.endedAt,
      () => ({
        expected: 'the server ends the TCP connection',
        actual: `the TCP connection is still open${this.closed ? ` after: ${this.closed.detail}` : ''}`,
      }),
      { extraMs, outlivesClose: true },
    );
  }

  #nextPing(): string {
    this.#roundTrips += 1;
    return `round trip ${this.#roundTrips}`;
  }

  #ended(wanted: string, extraMs = 0, hint?: string): Promise<Close> {
    return this.until(
      () => this.closed,
      () => ({
        expected: wanted,
        actual: `${this.label} is still open; it received ${this.inbox.summary()}`,
        hint,
      }),
      { extraMs, outlivesClose: true },
    );
  }

  #named(match: Match): Match {
    if (typeof match === 'function' || typeof match['room'] !== 'string') return match;
    return { ...match, room: this.host.room(match['room']) };
  }
}
