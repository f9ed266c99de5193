import type { Unit } from './assembler.js';
import type { Said } from './course.js';
import { judgeClose } from './faults.js';
import { closePayload, type Frame, type FrameInit, opcodes } from './frames.js';
import type { HandshakeResponse, RequestInit } from './handshake.js';
import { closeHint } from './hints.js';
import type { Host } from './host.js';
import { Inbox } from './inbox.js';
import type { Journal } from './journal.js';
import {
  isApplications,
  isMessage,
  isObject,
  type Message,
  parseBinary,
  type Received,
} from './message.js';
import { kindOf, printBytes, printFrame, printRequest } from './printing.js';
import { readMessage } from './reading.js';
import { type Explanation, Inconclusive, Violation } from './verdict.js';
import type { Expiry } from './watchdog.js';
import { type Close, Wire } from './wire.js';

/** A WebSocket Ping or Pong of the server. */
export interface Beat {
  payload: Buffer;
  at: number;
}

/** How long and on what a wait waits. */
export interface Waiting {
  /** Milliseconds by which it may last longer than usual. */
  extraMs?: number;
  /** Whether the end of the connection leaves it waiting. */
  outlivesClose?: boolean;
  /** Whether it has to come after the replies to earlier requests. */
  inTurn?: boolean;
}

// Bytes of a masked frame without payload.
const SHORTEST_FRAME = 6;
// What is kept of a flood.
const KEEP_OF_FLOOD = 500;
const LINGER_MS = 250;
const UNANSWERED: HandshakeResponse = {
  status: 0,
  statusText: '',
  headers: {},
  body: '',
  subprotocol: undefined,
  faults: [],
};

/** A raw connection that records everything, judges every frame, and lets a check wait for what it wants to see. */
export class Connection {
  readonly label: string;
  readonly url: URL;
  /** The answer to the opening handshake. */
  response: HandshakeResponse = UNANSWERED;
  /** Answers the server's Pings; switch off to play dead. */
  autoPong = true;
  /** Answers the server's Close. */
  autoClose = true;
  /** Every frame so far, in order; `payload` and `at` included. */
  readonly frames: Frame[] = [];
  readonly pingsReceived: Beat[] = [];
  readonly pongsReceived: Beat[] = [];
  /** The end of the connection, once it has ended: a Close frame, or TCP's end where none came. */
  closed: Close | undefined;
  /** Whether the runner dropped this connection because the server sent too much. */
  flooded = false;
  /** When it began, in milliseconds of `performance.now()`. */
  readonly openedAt = performance.now();
  /** When the opening handshake was answered, in milliseconds of `performance.now()`. */
  respondedAt: number | undefined;
  /** When TCP ended, in milliseconds of `performance.now()`. */
  endedAt: number | undefined;
  /** The messages that were sent, each with the moment in milliseconds of `performance.now()`. */
  readonly said: Said[] = [];
  /** The longest message that was sent, in bytes. */
  largest = 0;
  /** The longest `text` that was sent, in bytes. */
  longestText = 0;

  protected readonly host: Host;
  protected readonly inbox = new Inbox();
  protected firstWelcome: Message | undefined;
  /** Whether its credentials entitle it to a welcome. */
  protected entitled = false;
  readonly #wire: Wire;
  readonly #requests = new Map<string, string[]>();
  readonly #waits = new Set<() => void>();
  // Requests of this connection that a reply has come to.
  readonly #answered = new Set<string>();
  #framesSent = 0;
  #sentClose = false;
  #detached = false;

  constructor(host: Host, label: string, url: URL, request: RequestInit, early?: Uint8Array) {
    this.host = host;
    this.label = label;
    this.url = url;
    this.#note('sent', 'handshake', printRequest(url, request));
    if (early) this.#note('sent', 'tcp', `in the same segment: ${printBytes(early)}`);
    const handlers = {
      response: this.#guard((response: HandshakeResponse) => this.#onResponse(response)),
      read: () => this.#detached || this.#bound(),
      frame: this.#guard((frame: Frame) => this.#onFrame(frame)),
      unit: this.#guard((unit: Unit) => this.#onUnit(unit)),
      close: this.#guard((close: Close) => this.#onClose(close)),
      end: this.#guard((at: number) => {
        this.endedAt = at;
      }),
      fault: this.#guard((text: string) => this.#onFault(text)),
    };
    this.#wire = new Wire(url, request, handlers, early);
  }

  /** The user that the `welcome` named; undefined before it. */
  get verified(): string | undefined {
    return this.firstWelcome?.data.user;
  }

  /** Whether a `welcome` has come. */
  get welcomed(): boolean {
    return this.firstWelcome !== undefined;
  }

  /** Waits for the answer to the opening handshake; the stage does it once for each connection. */
  async opened(): Promise<void> {
    await this.until(
      () => this.respondedAt,
      () => ({
        expected: 'an answer to the opening handshake',
        actual: this.#wire.response
          ? `HTTP ${this.#wire.response.status}, whose body does not end`
          : 'no complete answer came',
      }),
      { outlivesClose: true },
    );
  }

  /** Sends exactly this text as one text message. */
  sendText(text: string): void {
    this.#remember(readJson(text));
    this.#sendAsText(text);
  }

  /** Sends exactly this value as JSON. */
  sendJson(value: unknown): void {
    this.#remember(value);
    this.#sendAsText(JSON.stringify(value));
  }

  /** Sends one binary message. */
  sendBytes(bytes: Uint8Array): void {
    const message = parseBinary(Buffer.from(bytes));
    if (isMessage(message)) this.#remember(message);
    this.#note('sent', 'binary', `${bytes.length} bytes: ${printBytes(bytes)}`);
    this.#send({ opcode: opcodes.binary, payload: bytes });
  }

  /** Sends one frame, well-formed or not. */
  sendFrame(frame: FrameInit): void {
    if (frame.opcode === opcodes.close) this.#sentClose = true;
    this.#note('sent', kindOf(frame.opcode), printFrame(frame));
    this.#send(frame);
  }

  /** Sends a text compressed, in fragments of at most `fragment` bytes. @throws when deflate is not negotiated */
  sendCompressed(text: string, fragment?: number): void {
    this.#remember(readJson(text));
    this.#note('sent', 'text', `(compressed) ${text}`);
    this.largest = Math.max(this.largest, Buffer.byteLength(text));
    this.#count(text.length);
    this.#wire.sendCompressed(opcodes.text, Buffer.from(text), fragment);
  }

  /** Whether permessage-deflate is in use. */
  get compressing(): boolean {
    return this.#wire.compressing;
  }

  /** Writes any bytes. */
  write(bytes: Uint8Array): void {
    this.#note('sent', 'tcp', `${bytes.length} bytes: ${printBytes(bytes)}`);
    this.#count(bytes.length, Math.ceil(bytes.length / SHORTEST_FRAME));
    this.#wire.write(bytes);
  }

  /** Says that a request was sent in another way than as one text or binary message: its replies are judged by its type. */
  expectReply(id: string, type: string): void {
    this.#requests.set(id, [...(this.#requests.get(id) ?? []), type]);
  }

  /** How many replies may be on their way at most. */
  get outstanding(): number {
    return this.#framesSent - this.#answered.size;
  }

  /** Whether a request with this `id` was sent. */
  protected asked(id: string | undefined): boolean {
    return id !== undefined && this.#requests.has(id);
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

  /** Stops reading the socket: the kernel's buffers fill, then the server's. */
  pause(): void {
    this.#note('note', 'note', 'stops reading');
    this.#wire.pause();
  }

  /** Reads the socket again. */
  resume(): void {
    this.#note('note', 'note', 'reads again');
    this.#wire.resume();
  }

  /** Lets go of the connection when the check is over: nothing that comes later is looked at. */
  detach(): void {
    this.#detached = true;
    this.#waits.clear();
    this.host.surplus.release(this);
    if (this.endedAt !== undefined) return;
    if (!this.#sentClose && this.response.status === 101 && !this.closed) this.#wire.close(1000);
    this.#wire.end();
    setTimeout(() => this.#wire.destroy('the check is over'), LINGER_MS).unref();
  }

  /**
   * Waits until `look` gives something; it looks now and after every event of this connection.
   * Rejects when the watchdog gives up, and when the connection ends first, unless told to outlive that. What comes
   * `inTurn` is waited for as long as other requests of this connection are answered.
   */
  until<T>(
    look: () => T | undefined,
    explain: () => Explanation,
    { extraMs = 0, outlivesClose = false, inTurn = false }: Waiting = {},
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
      let answered = this.#answered.size;
      const expire = (why: Expiry) => {
        // A server that answers one request after the other has not come to the others yet.
        if (inTurn && why === 'silence' && this.#answered.size > answered) {
          answered = this.#answered.size;
          unwatch = this.host.watch(expire, extraMs);
        } else settle(() => reject(this.#expired(why, explain())));
      };
      let unwatch = this.host.watch(expire, extraMs);
      this.#waits.add(again);
      again();
    });
  }

  #onResponse(response: HandshakeResponse): void {
    this.response = response;
    this.respondedAt = performance.now();
    const { status, statusText, subprotocol, faults } = response;
    const shown = status === 0 ? `no answer ${statusText}` : `HTTP ${status} ${statusText}`;
    const selected = subprotocol === undefined ? '' : `, subprotocol ${subprotocol}`;
    this.#note('received', 'handshake', `${shown}${selected}`);
    for (const { rule, text } of faults)
      this.host.finding({
        rule,
        expected: 'a right answer to the opening handshake',
        actual: text,
      });
  }

  #onFrame(frame: Frame): void {
    if (this.flooded) return;
    this.frames.push(frame);
    for (const fault of frame.faults) this.#onFault(fault);
    this.#bound();
  }

  // A frame may be long, so that bytes count before it is whole.
  #bound(): void {
    const { surplus, sent } = this.host;
    const received = { bytes: this.#wire.bytesRead, frames: this.frames.length };
    if (this.flooded || !surplus.isFlood(this, received, sent)) return;
    this.flooded = true;
    this.#wire.destroy(
      `the runner dropped the connection after ${received.bytes} bytes in ${received.frames} frames: a flood`,
    );
    for (const list of [this.frames, this.pingsReceived, this.pongsReceived])
      list.splice(KEEP_OF_FLOOD);
    this.inbox.keepFirst(KEEP_OF_FLOOD);
    surplus.release(this);
  }

  #onFault(text: string): void {
    this.#note('note', 'note', `fault: ${text}`);
    this.host.finding({
      rule: 'transport-server-frames-well-formed',
      expected: 'frames that RFC 6455, section 5, allows a server to send',
      actual: text,
    });
  }

  #onUnit(unit: Unit): void {
    if (this.flooded) return;
    switch (unit.kind) {
      case 'close':
        this.#onCloseFrame(unit.code, unit.reason);
        return;
      case 'ping':
        this.#note('received', 'ping', printBytes(unit.payload));
        this.pingsReceived.push(unit);
        if (this.autoPong && !this.#sentClose) this.#wire.pong(unit.payload);
        return;
      case 'pong':
        this.#note('received', 'pong', printBytes(unit.payload));
        this.pongsReceived.push(unit);
        return;
      default:
        this.#onMessage(unit.kind, unit.payload, unit.at);
    }
  }

  #onCloseFrame(code: number, reason: string): void {
    this.#note('received', 'close', code === 1005 ? 'without a code' : `${code} ${reason}`.trim());
    // A Close frame that answers ours often repeats our code.
    if (this.host.parlor && !this.#sentClose)
      for (const fault of judgeClose(code, reason)) this.host.finding(fault);
    if (!this.autoClose || this.#sentClose) return;
    this.#sentClose = true;
    const payload = code === 1005 ? {} : { payload: closePayload(code) };
    this.#wire.send({ opcode: opcodes.close, ...payload });
  }

  #onMessage(kind: 'text' | 'binary', raw: Buffer, at: number): void {
    const shown = kind === 'text' ? raw : `${raw.length} bytes: ${printBytes(raw)}`;
    this.#note('received', kind, shown);
    const features = this.firstWelcome?.data['features'];
    const { message, faults } = readMessage(kind, raw, {
      features: Array.isArray(features) ? features.map(String) : undefined,
      requested: (ref) => this.#requests.get(ref) ?? [],
    });
    const aside = this.host.isAside(message);
    for (const fault of this.host.parlor ? faults : []) {
      // An instance that was started without a profile shares its broker with those that have it.
      if (!aside || fault.rule !== 'messages-type-announced') this.host.finding(fault);
    }
    if (message.type === 'welcome') this.firstWelcome ??= message;
    if (message.type === 'error') this.host.outages.refused(message.data.code, this.label);
    if (message.ref !== undefined && this.asked(message.ref)) this.#answered.add(message.ref);
    const received: Received = { message, raw, at };
    // From `welcome` on, events of the application are its own business.
    const foreign = this.firstWelcome !== undefined && isApplications(message);
    if (foreign || aside) this.inbox.note(received);
    else this.inbox.add(received);
  }

  #onClose(close: Close): void {
    this.closed = close;
    if (this.entitled) this.host.outages.closed(close.code, this.label);
    if (close.by !== 'frame' && close.by !== 'refusal') this.#note('note', 'tcp', close.detail);
  }

  // Every event lets all waits look again; a mistake of ours in an event is handed to the run.
  #guard<A>(handle: (argument: A) => void): (argument: A) => void {
    return (argument) => {
      if (this.#detached) return;
      try {
        handle(argument);
        for (const again of [...this.#waits]) again();
      } catch (error) {
        this.host.bug(error);
      }
    };
  }

  #cutOff(explanation: Explanation): Violation {
    const { closed, response } = this;
    const refused = closed?.by === 'refusal';
    return new Violation({
      ...explanation,
      actual: refused
        ? `${this.label}: ${closed.detail}`
        : `${this.label}'s connection ended first: ${closed?.detail}; it had received ${this.inbox.summary()}`,
      hint: explanation.hint ?? (closed && closeHint([], closed, response.status)),
    });
  }

  #expired(why: Expiry, explanation: Explanation): Error {
    if (why === 'silence' || (why === 'lost' && this.host.final)) return new Violation(explanation);
    const { expected } = explanation;
    const wanted = typeof expected === 'string' ? expected : expected.join('; or ');
    return new Inconclusive(
      why === 'noise'
        ? `the machine was too busy to tell whether ${wanted}`
        : `the target stopped answering, so that it cannot be told whether ${wanted}`,
    );
  }

  #send(frame: FrameInit): void {
    const bytes = Buffer.byteLength(frame.payload ?? '');
    this.largest = Math.max(this.largest, bytes);
    this.#count(bytes);
    this.#wire.send(frame);
  }

  #count(bytes: number, frames = 1): void {
    this.host.sent.bytes += bytes;
    this.host.sent.frames += frames;
    this.#framesSent += frames;
  }

  #sendAsText(text: string): void {
    this.#note('sent', 'text', text);
    this.#send({ opcode: opcodes.text, payload: text });
  }

  #remember(value: unknown): void {
    if (!isObject(value)) return;
    const { type, id, room } = value;
    if (typeof type !== 'string') return;
    const named = (name: unknown) => (typeof name === 'string' ? name : undefined);
    this.said.push({ type, at: performance.now(), id: named(id), room: named(room) });
    const { text: spoken } = isObject(value['data']) ? value['data'] : {};
    if (typeof spoken === 'string')
      this.longestText = Math.max(this.longestText, Buffer.byteLength(spoken));
    if (typeof id === 'string') this.expectReply(id, type);
  }

  #note(
    direction: 'sent' | 'received' | 'note',
    kind: Parameters<Journal['add']>[2],
    text: string | Buffer,
  ): void {
    this.host.journal.add(this.label, direction, kind, text);
  }
}

// What is no JSON is so on purpose: no reply will bear its id.
function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
