import type { FrameFault } from './faults.js';
import { judge } from './faults.js';
import { closePayload, type Frame, type FrameInit, opcodes } from './frames.js';
import type { HandshakeResponse, RequestInit } from './handshake.js';
import { closeHint, replyHint } from './hints.js';
import { Inbox, type Match, predicate, wording } from './inbox.js';
import type { Journal } from './journal.js';
import {
  type Data,
  describe,
  isObject,
  type Message,
  type NotAMessage,
  parseBinary,
  parseText,
} from './message.js';
import { type Explanation, Inconclusive, Violation } from './verdict.js';
import type { Expiry } from './watchdog.js';
import { type Close, Wire } from './wire.js';

/** What a peer needs of the check that it belongs to. */
export interface PeerHost {
  readonly journal: Journal;
  /** Whether the target speaks Parlor; else it is any WebSocket server. */
  readonly parlor: boolean;
  /** Whether this is the last attempt: then a target that stopped answering is at fault. */
  readonly final: boolean;
  watch(expire: (why: Expiry) => void, extraMs: number): () => void;
  finding(fault: FrameFault): void;
  room(label: string): string;
  nextId(): string;
  /** Text of the chats that only fence, and its check. */
  fence(): string;
  isFence(text: unknown): boolean;
  bug(error: unknown): void;
}

/** Envelope members to add to a message; `room` is a label. */
export interface Extra {
  id?: string;
  room?: unknown;
  [member: string]: unknown;
}

/** A frame as a peer saw it. */
export type FrameRecord = Frame;

const MAX_BYTES = 64 * 1024 * 1024;
const MAX_FRAMES = 100_000;

/** One raw connection in the hands of a check. */
export class Peer {
  readonly label: string;
  /** The verified user that this connection should have, '' without credentials. */
  readonly user: string;
  /** The answer to the opening handshake. */
  response: HandshakeResponse = {
    status: 0,
    statusText: '',
    headers: {},
    body: '',
    subprotocol: undefined,
    faults: [],
  };
  /** Answers the server's Pings; switch off to play dead. */
  autoPong = true;
  /** Answers the server's Close. */
  autoClose = true;
  /** Every frame so far. */
  readonly frames: FrameRecord[] = [];
  /** The server's Pings. */
  readonly pingsReceived: { payload: Buffer; at: number }[] = [];
  /** The server's Pongs. */
  readonly pongsReceived: { payload: Buffer; at: number }[] = [];
  /** The end of the connection, once it has ended. */
  closed: Close | undefined;
  /** When TCP ended, in milliseconds of `performance.now()`. */
  endedAt: number | undefined;

  readonly #host: PeerHost;
  readonly #wire: Wire;
  readonly #inbox = new Inbox();
  readonly #requests = new Map<string, string[]>();
  readonly #waits = new Set<() => void>();
  readonly #rooms = new Set<string>();
  #welcome: Message | undefined;
  #responded = false;
  #sentClose = false;
  #detached = false;
  #pongs = 0;

  constructor(
    host: PeerHost,
    label: string,
    user: string,
    url: URL,
    request: RequestInit,
    early?: Uint8Array,
  ) {
    this.#host = host;
    this.label = label;
    this.user = user;
    this.#note('sent', 'handshake', handshakeText(url, request));
    if (early) this.#note('sent', 'tcp', `${early.length} bytes in the segment of the handshake`);
    this.#wire = new Wire(
      url,
      request,
      {
        response: this.#guard((response) => this.#onResponse(response)),
        frame: this.#guard((frame) => this.#onFrame(frame)),
        unit: this.#guard((unit) => this.#onUnit(unit)),
        close: this.#guard((close) => this.#onClose(close)),
        end: this.#guard((at) => this.#onEnd(at)),
        fault: this.#guard((text) => this.#onWireFault(text)),
      },
      early,
    );
  }

  /** The `welcome` of this connection. */
  get welcome(): Message {
    if (!this.#welcome) throw new Error(`${this.label} has not been welcomed`);
    return this.#welcome;
  }

  /** Whether a `welcome` has come. */
  get welcomed(): boolean {
    return this.#welcome !== undefined;
  }

  // Sending

  /** Sends a message; no `id` unless given, no waiting. */
  send(type: string, data?: unknown, extra: Extra = {}): void {
    const { room, ...rest } = extra;
    this.sendJson({
      type,
      ...rest,
      ...(room !== undefined && { room: typeof room === 'string' ? this.#host.room(room) : room }),
      ...(data !== undefined && { data }),
    });
  }

  /** Sends exactly this value as JSON. */
  sendJson(value: unknown): void {
    this.sendText(JSON.stringify(value));
  }

  /** Sends exactly this text as one text message. */
  sendText(text: string): void {
    this.#remember(text);
    this.#note('sent', 'text', text);
    this.#wire.send({ opcode: opcodes.text, payload: text });
  }

  /** Sends one binary message. */
  sendBytes(bytes: Uint8Array): void {
    const message = parseBinary(Buffer.from(bytes));
    if (!('fault' in message)) this.#remember(JSON.stringify({ ...message, payload: undefined }));
    this.#note('sent', 'binary', `${bytes.length} bytes: ${printable(bytes)}`);
    this.#wire.send({ opcode: opcodes.binary, payload: bytes });
  }

  /** Sends one frame, well-formed or not. */
  sendFrame(frame: FrameInit): void {
    if (frame.opcode === opcodes.close) this.#sentClose = true;
    this.#note('sent', kindOf(frame.opcode), frameText(frame));
    this.#wire.send(frame);
  }

  /** Sends a text compressed, in fragments of at most `fragment` bytes. @throws when deflate is not negotiated */
  sendCompressed(text: string, fragment?: number): void {
    this.#remember(text);
    this.#note('sent', 'text', `(compressed) ${text}`);
    this.#wire.sendCompressed(opcodes.text, Buffer.from(text), fragment);
  }

  /** Whether permessage-deflate is in use. */
  get compressing(): boolean {
    return this.#wire.compressing;
  }

  /** Writes any bytes. */
  write(bytes: Uint8Array): void {
    this.#note('sent', 'tcp', `${bytes.length} bytes: ${printable(bytes)}`);
    this.#wire.write(bytes);
  }

  /** Remembers that a request was sent in another way than by `send`: its replies are judged by its type. */
  expectReply(id: string, type: string): void {
    this.#requests.set(id, [...(this.#requests.get(id) ?? []), type]);
  }

  // Requests

  /** Sends a request with an `id`; resolves to the reply with that `ref`, whatever it says. */
  request(type: string, data?: unknown, extra: Extra = {}): Promise<Message> {
    const id = extra.id ?? this.#host.nextId();
    this.send(type, data, { ...extra, id });
    return this.reply(id, type);
  }

  /** Waits for the reply with a `ref`; `type` names the request in failure texts. */
  reply(ref: string, type = 'request'): Promise<Message> {
    const isReply = (message: Message) =>
      message.ref === ref && ['ack', 'error', 'pong'].includes(message.type);
    return this.#wait(
      () => this.#inbox.take(isReply),
      () => {
        const pending = this.#inbox.pending();
        return {
          expected: `one reply to the ${type} ${ref}: an ack, an error or a pong with that ref`,
          actual: `no reply came to ${this.label}; it received ${this.#inbox.summary()}`,
          hint: replyHint(
            pending.map((each) => each.type),
            pending.map((each) => each.ref),
          ),
        };
      },
    );
  }

  /** A request that has to be acknowledged. */
  async acked(type: string, data?: unknown, extra: Extra = {}): Promise<Message> {
    const reply = await this.request(type, data, extra);
    if (reply.type === 'ack') return reply;
    throw new Violation({
      expected: `an ack of the ${type}`,
      actual: `${this.label} received ${describe(reply)}${reply.type === 'error' ? `: ${reply.data.message}` : ''}`,
      hint:
        reply.data.code === 'rate_limited'
          ? 'The runner keeps within the announced rates: the limiter counts more than it announces, or per something shared.'
          : undefined,
    });
  }

  /** Joins a room; resolves to the `ack`. */
  async joins(room: string, data?: unknown, extra: Extra = {}): Promise<Message> {
    const ack = await this.acked('join', data, { ...extra, room });
    this.#rooms.add(this.#host.room(room));
    return ack;
  }

  /** Leaves a room; resolves to the `ack`. */
  async leaves(room: string, extra: Extra = {}): Promise<Message> {
    this.#rooms.delete(this.#host.room(room));
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

  // Receiving

  /** The next unconsumed message of a type (`*`: any) that matches; the others stay. `room` in a match is a label. */
  receives(type: string, match: Match = {}, extraMs = 0): Promise<Message> {
    const named = this.#named(match);
    return this.#wait(
      () => this.#inbox.take(predicate(type, named)),
      () => ({
        expected: `${this.label} receives ${wording(type, named)}`,
        actual: `it did not come; ${this.label} received ${this.#inbox.summary()}`,
      }),
      extraMs,
    );
  }

  /** All messages so far that match, consumed or not, in order of arrival. */
  received(type = '*', match: Match = {}): Message[] {
    const fits = predicate(type, this.#named(match));
    return this.#inbox.all.map(({ message }) => message).filter(fits);
  }

  /** All messages so far with raw bytes and time of arrival. */
  get log(): readonly { message: Message; raw: Buffer; at: number }[] {
    return this.#inbox.all;
  }

  /** Messages that no check has asked for. */
  get unconsumed(): Message[] {
    return this.#inbox.pending();
  }

  /** Counts the next message like this as consumed, also one that is still to come. */
  ignoreOne(type: string, match: Match = {}): void {
    this.#inbox.ignoreOne(predicate(type, this.#named(match)));
  }

  /** After a round trip on this connection nothing unconsumed has come, but for the types of `except`. */
  async hearsNothing({ except = [] }: { except?: readonly string[] } = {}): Promise<void> {
    await this.staysOpen();
    const heard = this.#inbox.pending().filter(({ type }) => !except.includes(type));
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
    if (!this.#rooms.has(this.#host.room(room))) await this.joins(room);
    const text = this.#host.fence();
    await sender.chat(room, text);
    await this.#wait(
      () => this.received('chat', { data: { text } })[0],
      () => ({
        expected: `the chat of ${sender.label} reaches ${this.label}, who is in the room`,
        actual: `it did not come; ${this.label} received ${this.#inbox.summary()}`,
      }),
    );
  }

  /** A round trip works: an application ping where the server speaks Parlor, else a WebSocket Ping. */
  async staysOpen(): Promise<void> {
    if (this.#host.parlor && this.welcomed) await this.pings();
    else await this.echoesPing();
  }

  /** Sends a WebSocket Ping and waits for the Pong with the same payload. */
  async echoesPing(payload: Uint8Array | string = `round trip ${++this.#pongs}`): Promise<void> {
    const from = this.pongsReceived.length;
    this.sendFrame({ opcode: opcodes.ping, payload });
    await this.receivesPong(payload, from);
  }

  /** Waits for a WebSocket Pong with this payload, from the given index of `pongsReceived` on. */
  async receivesPong(payload: Uint8Array | string, from = 0): Promise<void> {
    const wanted = Buffer.from(payload as Uint8Array);
    await this.#wait(
      () => this.pongsReceived.slice(from).find((pong) => pong.payload.equals(wanted)),
      () => ({
        expected: `a Pong frame with the Ping's payload (${wanted.length} bytes)`,
        actual: `it did not come; ${this.pongsReceived.length - from} other Pongs came`,
      }),
    );
  }

  /** Waits until a condition on what this peer has seen holds. */
  until<T>(look: () => T | undefined, explain: () => Explanation, extraMs = 0): Promise<T> {
    return this.#wait(look, explain, extraMs);
  }

  // Ends

  /** The server closes this connection with exactly this code, and this reason where one is given. */
  async closes(
    code: number | readonly number[],
    reason?: string | RegExp,
    extraMs = 0,
  ): Promise<Close> {
    const codes = typeof code === 'number' ? [code] : code;
    const wanted = `the connection is closed with ${codes.join(' or ')}${reason === undefined ? '' : ` ${reason}`}`;
    const close = await this.#ended(wanted, extraMs);
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
    return this.#wait(
      () => this.endedAt,
      () => ({
        expected: 'the server ends the TCP connection',
        actual: `the TCP connection is still open${this.closed ? ` after: ${this.closed.detail}` : ''}`,
      }),
      extraMs,
      true,
    );
  }

  /** Sends a Close frame. */
  close(code = 1000, reason?: string | Uint8Array): void {
    this.#sentClose = true;
    this.#note('sent', 'close', `${code}${reason === undefined ? '' : ` ${reason}`}`);
    this.#wire.close(code, reason);
  }

  /** Drops the connection with a TCP reset. */
  terminate(): void {
    this.#note('sent', 'tcp', 'reset');
    this.#wire.reset();
  }

  /** Ends our side of TCP without a Close frame. */
  end(): void {
    this.#note('sent', 'tcp', 'end, without a Close frame');
    this.#wire.end();
  }

  /** Stops reading the socket. */
  pause(): void {
    this.#note('note', 'note', 'stops reading');
    this.#wire.pause();
  }

  /** Reads the socket again. */
  resume(): void {
    this.#note('note', 'note', 'reads again');
    this.#wire.resume();
  }

  /** Waits for the answer to the opening handshake; the harness does it once for each peer. */
  async opened(): Promise<void> {
    await this.#wait(
      () => (this.#responded ? true : undefined),
      () => ({
        expected: 'an answer to the opening handshake',
        actual: this.#wire.response
          ? `HTTP ${this.#wire.response.status}, whose body does not end`
          : 'no complete answer came',
      }),
      0,
      true,
    );
  }

  /** Lets go of the connection when the check is over: nothing that comes later is looked at. */
  detach(): void {
    this.#detached = true;
    this.#waits.clear();
    if (this.endedAt !== undefined) return;
    if (!this.#sentClose && this.response.status === 101 && !this.closed) this.#wire.close(1000);
    this.#wire.end();
    setTimeout(() => this.#wire.destroy('the check is over'), 250).unref();
  }

  // Events of the wire

  #onResponse(response: HandshakeResponse): void {
    this.response = response;
    this.#responded = true;
    const { status, statusText, subprotocol, faults } = response;
    const shown = status === 0 ? `no answer ${statusText}` : `HTTP ${status} ${statusText}`;
    this.#note(
      'received',
      'handshake',
      `${shown}${subprotocol ? `, subprotocol ${subprotocol}` : ''}`,
    );
    for (const { rule, text } of faults)
      this.#host.finding({
        rule,
        expected: 'a right answer to the opening handshake',
        actual: text,
      });
  }

  #onFrame(frame: Frame): void {
    if (this.frames.length < MAX_FRAMES) this.frames.push(frame);
    for (const fault of frame.faults) this.#onWireFault(fault);
    if (this.#wire.bytesRead > MAX_BYTES || this.frames.length >= MAX_FRAMES) {
      this.#note('note', 'note', 'the server floods this connection: the runner drops it');
      this.#wire.destroy(
        `the runner dropped the connection after ${this.#wire.bytesRead} bytes in ${this.frames.length} frames: a flood`,
      );
    }
  }

  #onWireFault(text: string): void {
    this.#note('note', 'note', `fault: ${text}`);
    this.#host.finding({
      rule: 'transport-server-frames-well-formed',
      expected: 'frames that RFC 6455, section 5, allows a server to send',
      actual: text,
    });
  }

  #onUnit(unit: Parameters<ConstructorParameters<typeof Wire>[2]['unit']>[0]): void {
    switch (unit.kind) {
      case 'close':
        this.#note(
          'received',
          'close',
          unit.code === 1005 ? 'without a code' : `${unit.code} ${unit.reason}`.trim(),
        );
        if (this.autoClose && !this.#sentClose) {
          this.#sentClose = true;
          this.#wire.send({
            opcode: opcodes.close,
            ...(unit.code !== 1005 && { payload: closePayload(unit.code) }),
          });
        }
        return;
      case 'ping':
        this.#note('received', 'ping', printable(unit.payload));
        this.pingsReceived.push(unit);
        if (this.autoPong && !this.#sentClose)
          this.#wire.send({ opcode: opcodes.pong, payload: unit.payload });
        return;
      case 'pong':
        this.#note('received', 'pong', printable(unit.payload));
        this.pongsReceived.push(unit);
        return;
      default:
        this.#onMessage(unit.kind, unit.payload, unit.at);
    }
  }

  #onMessage(kind: 'text' | 'binary', raw: Buffer, at: number): void {
    this.#note('received', kind, kind === 'text' ? raw : `${raw.length} bytes: ${printable(raw)}`);
    const parsed: Message | NotAMessage = kind === 'text' ? parseText(raw) : parseBinary(raw);
    const message: Message =
      'fault' in parsed
        ? {
            type: `(${kind})`,
            data: kind === 'text' ? { text: raw.toString('utf8') } : {},
            payload: raw,
          }
        : parsed;
    if (this.#host.parlor) this.#judge(parsed, kind === 'binary');
    if (message.type === 'welcome') this.#welcome ??= message;
    this.#inbox.add({ message, raw, at });
    if (message.type === 'chat' && this.#host.isFence(message.data.text))
      this.#inbox.take((each) => each === message);
  }

  #judge(parsed: Message | NotAMessage, binary: boolean): void {
    const features = this.#welcome?.data['features'];
    if ('fault' in parsed && typeof parsed.fault === 'string') {
      this.#host.finding({
        rule: 'messages-json-object',
        expected: 'one I-JSON object in UTF-8',
        actual: parsed.fault,
      });
      return;
    }
    const message = parsed as Message;
    const context = {
      features: Array.isArray(features) ? features.map(String) : undefined,
      binary,
      requested: (message.ref !== undefined && this.#requests.get(message.ref)) || [],
    };
    for (const fault of judge(message, context)) this.#host.finding(fault);
  }

  #onClose(close: Close): void {
    this.closed = close;
    if (close.by !== 'frame' && close.by !== 'refusal') this.#note('note', 'tcp', close.detail);
  }

  #onEnd(at: number): void {
    this.endedAt = at;
  }

  // A wait looks again after every event; our own mistakes in an event are handed to the run.
  #guard<A>(handle: (argument: A) => void): (argument: A) => void {
    return (argument) => {
      if (this.#detached) return;
      try {
        handle(argument);
        for (const look of [...this.#waits]) look();
      } catch (error) {
        this.#host.bug(error);
      }
    };
  }

  #ended(wanted: string, extraMs = 0): Promise<Close> {
    return this.#wait(
      () => this.closed,
      () => ({
        expected: wanted,
        actual: `${this.label} is still open; it received ${this.#inbox.summary()}`,
      }),
      extraMs,
      true,
    );
  }

  #wait<T>(
    look: () => T | undefined,
    explain: () => Explanation,
    extraMs = 0,
    outlivesClose = false,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const settle = (finish: () => void) => {
        this.#waits.delete(again);
        unwatch();
        finish();
      };
      const again = () => {
        let found: T | undefined;
        try {
          found = look();
        } catch (error) {
          settle(() => reject(error));
          return;
        }
        if (found !== undefined) settle(() => resolve(found));
        else if (this.closed && !outlivesClose) settle(() => reject(this.#cutOff(explain())));
      };
      const unwatch = this.#host.watch((why) => {
        settle(() => reject(this.#expired(why, explain())));
      }, extraMs);
      this.#waits.add(again);
      again();
    });
  }

  #cutOff(explanation: Explanation): Violation {
    const detail = this.closed?.detail ?? '';
    return new Violation({
      ...explanation,
      actual: `${this.label}'s connection ended first: ${detail}; it had received ${this.#inbox.summary()}`,
      hint:
        explanation.hint ??
        (this.closed ? closeHint([], this.closed, this.response.status) : undefined),
    });
  }

  #expired(why: Expiry, explanation: Explanation): Error {
    if (why === 'silence' || (why === 'lost' && this.#host.final))
      return new Violation(explanation);
    const { expected } = explanation;
    const wanted = typeof expected === 'string' ? expected : expected.join('; or ');
    return new Inconclusive(
      why === 'noise'
        ? `the machine was too busy to tell whether ${wanted}`
        : `the target stopped answering, so that it cannot be told whether ${wanted}`,
    );
  }

  #remember(text: string): void {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return; // Not JSON on purpose: no reply will bear its id.
    }
    if (!isObject(value) || typeof value['id'] !== 'string') return;
    if (typeof value['type'] === 'string') this.expectReply(value['id'], value['type']);
  }

  #named(match: Match): Match {
    if (typeof match === 'function' || typeof match['room'] !== 'string') return match;
    return { ...match, room: this.#host.room(match['room']) };
  }

  #note(
    direction: 'sent' | 'received' | 'note',
    kind: Parameters<Journal['add']>[2],
    text: string | Buffer,
  ): void {
    this.#host.journal.add(this.label, direction, kind, text);
  }
}

function handshakeText(url: URL, request: RequestInit): string {
  if (request.raw !== undefined) return Buffer.from(request.raw as Uint8Array).toString('latin1');
  const query = (request.query ?? []).map(([name, value]) => `${name}=${value}`).join('&');
  const parts = [
    `${request.method ?? 'GET'} ${request.path ?? url.pathname}${query ? `?${query}` : ''}`,
  ];
  if (request.subprotocols?.length) parts.push(`subprotocols ${request.subprotocols.join(', ')}`);
  if (request.origin !== undefined) parts.push(`Origin ${request.origin}`);
  if (request.cookie !== undefined) parts.push(`Cookie ${request.cookie}`);
  if (request.extensions !== undefined) parts.push(`extensions ${request.extensions}`);
  for (const [name, value] of Object.entries(request.headers ?? {}))
    parts.push(`${name}: ${value ?? '(left out)'}`);
  return parts.join('; ');
}

function frameText({
  opcode,
  payload = '',
  fin = true,
  rsv = 0,
  mask = true,
  length,
}: FrameInit): string {
  const odd = [
    !fin && 'not final',
    rsv !== 0 && `reserved bits ${rsv.toString(2).padStart(3, '0')}`,
    !mask && 'not masked',
    length !== undefined && `claims ${length} bytes`,
  ].filter((each) => each !== false);
  const bytes = Buffer.from(payload as Uint8Array);
  return `opcode ${opcode}, ${bytes.length} bytes${odd.length > 0 ? ` (${odd.join(', ')})` : ''}: ${printable(bytes)}`;
}

function kindOf(opcode: number): 'text' | 'binary' | 'close' | 'ping' | 'pong' | 'tcp' {
  const names = { 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong' } as const;
  return names[opcode as keyof typeof names] ?? 'tcp';
}

// Bytes as text where they are text, else in hexadecimal.
function printable(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.subarray(0, 500));
  const text = buffer.toString('utf8');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return /[\u0000-\u0008\u000e-\u001f\ufffd]/.test(text)
    ? `0x${buffer.subarray(0, 64).toString('hex')}`
    : text;
}
