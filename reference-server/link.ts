import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Verdict } from './authentication.js';
import { Feed } from './feed.js';
import { type Frame, payloadOf } from './frames.js';
import { admit, first } from './handshake.js';
import type { Pulse, Sign } from './heartbeat.js';
import { after, type Maybe } from './maybe.js';
import type { Batch, Gatherer, Letter } from './outbox.js';
import { end, perform } from './perform.js';
import { incoming, receive } from './requests.js';
import type { Closing, Connection, Core, LocalRoom, Link as PureLink } from './state.js';

const OPEN = 1;

// So many messages wait behind one that a broker is busy with; then the socket is not read.
const MOST_WAITING = 64;
const MOST_WAITING_BYTES = 65_536;

const nobody = {
  user: '',
  method: 'token',
  expiresAt: null,
  rooms: [],
  scopes: [],
  session: null,
} as const;

/** One connection's socket: queues in both directions, and nothing decided. */
export class Link implements PureLink {
  readonly connection: Connection;
  /** Frames for this connection alone, not yet written. */
  letters: Letter[] = [];
  /** Rooms' batches that this connection is owed, while they are flushed. */
  due: Batch[] = [];
  /** Rooms entered in this turn, with the order number of the entry. */
  readonly entered = new Map<LocalRoom, number>();
  /** Bytes in `letters`. */
  held = 0;
  /** Whether frames may be written to the socket as they are; false under `permessage-deflate`. */
  readonly plain: boolean;
  /** The heartbeat; null before `welcome`. */
  pulse: Pulse | null = null;
  /** Where the wheel of heartbeats keeps the connection. */
  slot: Set<Link> | null = null;
  readonly #core: Core;
  readonly #out: Gatherer;
  readonly #ws: WebSocket;
  readonly #socket: Socket;
  #waiting: { bytes: Buffer; binary: boolean }[] | null = null;
  #waitingBytes = 0;
  /** Whether the next message is a first-message authentication. */
  #first = false;
  #feed: Feed | null = null;
  #bytesRead = 0;
  readonly #onWelcome: (link: Link) => void;

  constructor(
    core: Core,
    out: Gatherer,
    ws: WebSocket,
    socket: Socket,
    onWelcome: (link: Link) => void,
  ) {
    this.#core = core;
    this.#out = out;
    this.#ws = ws;
    this.#socket = socket;
    this.#onWelcome = onWelcome;
    this.plain = ws.extensions === '';
    this.connection = {
      id: core.parts.handshake.connectionId(core),
      link: this,
      phase: 'awaiting',
      grant: nobody,
      welcomed: false,
      rooms: new Map(),
      alarms: [],
      limiters: null,
      refusals: null,
      faults: null,
      notice: null,
    };
    core.awaiting.add(this.connection);
    // What comes before `welcome` waits for it.
    this.#waiting = [];
  }

  /** The handshake is completed; the verdict decides on the rest. */
  decide(verdict: Maybe<Verdict>): void {
    const admitted = after(verdict, (it) => {
      if (!this.#core.parts.handshake.keepsEarly) this.#waiting = [];
      return admit(this.#core, this.connection, it);
    });
    this.#settle(admitted);
  }

  /** The next message is to bring the credentials. */
  awaitFirst(): void {
    this.#first = true;
    this.#waiting = null;
  }

  /** A data message has come in. */
  message(bytes: Buffer, binary: boolean): void {
    this.sign('message');
    if (this.connection.phase === 'ended') return;
    if (this.#waiting) {
      this.#waiting.push({ bytes, binary });
      this.#waitingBytes += bytes.length;
      if (this.#waiting.length >= MOST_WAITING || this.#waitingBytes >= MOST_WAITING_BYTES)
        this.#ws.pause();
      return;
    }
    this.#process(bytes, binary);
  }

  /** The peer has shown itself. */
  sign(sign: Sign): void {
    if (this.pulse) this.#core.parts.heartbeat.heard(this.pulse, sign);
  }

  /** Whether bytes have come since the last look, or nobody looked because reading is paused. */
  stirs(): boolean {
    const { bytesRead } = this.#socket;
    const stirred = bytesRead !== this.#bytesRead || this.#ws.isPaused;
    this.#bytesRead = bytesRead;
    return stirred;
  }

  /** Sends a WebSocket Ping. */
  ping(): void {
    if (this.#ws.readyState === OPEN) this.#ws.ping();
    this.#watch();
  }

  /** Answers a peer's Ping. */
  pinged(payload: Buffer): void {
    this.sign('ping');
    const answer = this.#core.parts.heartbeat.pong(payload);
    if (answer && this.#ws.readyState === OPEN) this.#ws.pong(answer);
    this.#watch();
  }

  send(frame: Frame): void {
    const { outbound } = this.#core.parts.transport;
    const frames = outbound ? outbound(frame, this.connection) : [frame];
    for (const it of frames) this.#out.letter(this, it);
  }

  replay(frames: Iterable<Frame>): void {
    this.#out.flush();
    this.#feed ??= new Feed(this.#core.config.limits.max_queue_bytes / 2, this);
    this.#feed.add(this.tapped(frames));
    this.feed();
  }

  /** Hands the replay under way as much as it takes. */
  feed(): void {
    if (this.#feed?.pump() === 'done') this.#feed = null;
  }

  flush(): void {
    this.#out.flush();
  }

  close({ code, reason }: Closing): void {
    this.#out.flush();
    if (this.#ws.readyState === OPEN) this.#ws.close(code, reason);
    // A peer that has not read for so long will not read the Close frame soon.
    if (this.#socket.writableLength > this.#core.config.limits.max_queue_bytes) this.#cut();
  }

  welcomed(): void {
    this.#onWelcome(this);
  }

  queued(): number {
    return this.#ws.bufferedAmount;
  }

  /** Ends the TCP connection. */
  terminate(): void {
    this.#ws.terminate();
  }

  /** A Close frame is about to be sent, or the socket is gone: whoever began it, the connection is over. */
  ended(closing: Closing): void {
    end(this.#core, this.connection, closing);
  }

  /** Writes whole frames. */
  write(bytes: Buffer): void {
    if (this.#ws.readyState !== OPEN) return;
    if (this.#feed) this.#feed.defer(bytes);
    else this.#socket.write(bytes);
    this.sign('delivery');
    this.#watch();
  }

  /** Has the library compress and write a frame. */
  writeFrame(frame: Frame): void {
    if (this.#ws.readyState !== OPEN) return;
    if (this.#feed) this.#feed.defer(frame);
    else this.#ws.send(payloadOf(frame), { binary: frame.binary });
    this.#watch();
  }

  /** Writes a piece of a replay, and goes on with it once the peer's end has taken this one. */
  push(piece: Buffer | Frame): void {
    const next = () => this.feed();
    if (Buffer.isBuffer(piece)) this.#socket.write(piece, next);
    else this.#ws.send(payloadOf(piece), { binary: piece.binary }, next);
  }

  /** Whether frames may still be written. */
  get open(): boolean {
    return this.#ws.readyState === OPEN;
  }

  /** Each frame as it leaves: as it is, or as the parts' tap has it. */
  *tapped(frames: Iterable<Frame>): Generator<Frame> {
    const { outbound } = this.#core.parts.transport;
    for (const frame of frames) {
      if (outbound) yield* outbound(frame, this.connection);
      else yield frame;
    }
  }

  #watch(): void {
    const { backpressure } = this.#core.parts;
    // A replay bounds its own part of the queue.
    const waiting = this.#feed ? this.#feed.deferred : this.#ws.bufferedAmount;
    if (waiting === 0 || this.connection.phase === 'ended') return;
    if (backpressure.tooSlow(waiting, this.#core.config.limits.max_queue_bytes))
      perform(this.#core, this.connection, [{ do: 'close', closing: backpressure.slow }]);
  }

  #cut(): void {
    const timer = setTimeout(() => this.#ws.terminate(), CUT_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  #process(bytes: Buffer, binary: boolean): void {
    const core = this.#core;
    const message = incoming(bytes, binary, core);
    if (this.#first) {
      this.#first = false;
      this.#waiting = [];
      this.#settle(first(core, this.connection, message));
      return;
    }
    const outcome = receive(core, this.connection, message);
    if (outcome instanceof Promise) {
      this.#waiting ??= [];
      this.#settle(outcome.then((effects) => perform(core, this.connection, effects)));
    } else perform(core, this.connection, outcome);
  }

  /** Goes on with what has waited, once this is done. */
  #settle(done: Maybe<void>): void {
    const resumed = after(done, () => this.#resume());
    if (resumed instanceof Promise) resumed.catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): void {
    this.#core.log?.({ event: 'internal_error', reason: describe(error) });
    const closing = { code: 1011, reason: 'internal_error' };
    perform(this.#core, this.connection, [{ do: 'close', closing }]);
  }

  #resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    this.#waitingBytes = 0;
    for (let at = 0; at < waiting.length; at += 1) {
      const { bytes, binary } = waiting[at] as { bytes: Buffer; binary: boolean };
      if (this.connection.phase === 'ended') return;
      this.#process(bytes, binary);
      if (this.#waiting !== null) {
        (this.#waiting as typeof waiting).push(...waiting.slice(at + 1));
        return;
      }
    }
    if (this.#ws.isPaused) this.#ws.resume();
  }
}

const CUT_MS = 1_000;

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
