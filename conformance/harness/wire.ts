import net from 'node:net';
import tls from 'node:tls';
import { Assembler, type Unit } from './assembler.js';
import { Deflate, judgeDeflateAnswer, parseExtensions } from './deflate.js';
import {
  closePayload,
  encodeFrame,
  type Frame,
  FrameDecoder,
  type FrameInit,
  FrameTooLong,
  opcodes,
} from './frames.js';
import {
  buildRequest,
  type HandshakeResponse,
  judgeSwitch,
  NotHttp,
  type RequestInit,
  type ResponseFault,
  readResponse,
} from './handshake.js';

/** The longest frame and message that are read, in bytes. */
const MAX_READ = 8 * 1024 * 1024;
/** What may wait to be sent before Pongs are held back, in bytes. */
const MOST_UNREAD = 65_536;
const MAX_BODY = 65_536;
const BODY_MS = 500;

/** How a connection ended, seen from the client. */
export interface Close {
  /** The code of the server's Close frame; 1005 for one without code, 1006 where none came. */
  code: number;
  reason: string;
  /** How it ended: by a Close frame, an end of the TCP stream, a reset, a refused handshake, or by us. */
  by: 'frame' | 'fin' | 'reset' | 'refusal' | 'runner';
  /** What happened, in words. */
  detail: string;
  /** When, in milliseconds of `performance.now()`. */
  at: number;
}

/** What a wire tells its owner, in the order in which it happened. */
export interface WireHandlers {
  response(response: HandshakeResponse): void;
  /** Bytes after the handshake have come, whatever they amount to. */
  read?(): void;
  frame(frame: Frame): void;
  unit(unit: Unit): void;
  /** The first end of the connection: a Close frame, or TCP's end where none came. */
  close(close: Close): void;
  /** The TCP connection is gone. */
  end(at: number): void;
  /** Bytes that break RFC 6455 outside a frame. */
  fault(text: string): void;
}

const NO_RESPONSE: HandshakeResponse = {
  status: 0,
  statusText: '',
  headers: {},
  body: '',
  subprotocol: undefined,
  faults: [],
};

/**
 * One raw connection: TCP, the opening handshake, frames. It sees every byte from the first on, decides nothing,
 * answers nothing by itself, and never throws at its owner because of what a server does.
 */
export class Wire {
  readonly #handlers: WireHandlers;
  readonly #socket: net.Socket;
  readonly #request: RequestInit;
  readonly #key: string;
  readonly #decoder = new FrameDecoder({ masked: false, maxPayload: MAX_READ });
  readonly #assembler = new Assembler(MAX_READ);
  #head: Buffer = Buffer.alloc(0);
  #response: HandshakeResponse | undefined;
  #handedOn = false;
  #corked = false;
  /** The payload of the last Ping that has no Pong yet. */
  #unanswered: Uint8Array | undefined;
  #closed = false;
  #ended = false;
  #error: string | undefined;
  #patience: NodeJS.Timeout | undefined;
  /** Bytes received so far. */
  bytesRead = 0;

  /** Connects and sends the request; `early` bytes go out in the same segment. */
  constructor(url: URL, request: RequestInit, handlers: WireHandlers, early?: Uint8Array) {
    this.#handlers = handlers;
    this.#request = request;
    const { bytes, key } = buildRequest(url, request);
    this.#key = key;
    const secure = url.protocol === 'wss:' || url.protocol === 'https:';
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    const port = Number(url.port || (secure ? 443 : 80));
    this.#socket = secure
      ? tls.connect({ host, port, ...(net.isIP(host) === 0 && { servername: host }) })
      : net.connect({ host, port });
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (chunk: Buffer) => this.#data(chunk));
    this.#socket.on('error', (error) => {
      this.#error = error.message;
    });
    this.#socket.on('end', () => this.#finish('fin'));
    this.#socket.on('close', (hadError) => {
      clearTimeout(this.#patience);
      this.#finish(hadError ? 'reset' : 'fin');
      if (this.#ended) return;
      this.#ended = true;
      this.#handlers.end(performance.now());
    });
    this.#socket.write(early ? Buffer.concat([bytes, early]) : bytes);
  }

  /** Writes any bytes, in a TCP segment of their own as far as they fit into one. */
  write(bytes: Uint8Array): void {
    this.#uncork();
    if (!this.#socket.destroyed && this.#socket.writable) this.#socket.write(bytes);
  }

  /** Sends one frame; masked, unless it says otherwise. Frames of one turn of the event loop leave together. */
  send(frame: FrameInit): void {
    if (this.#socket.destroyed || !this.#socket.writable) return;
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => this.#uncork());
    }
    this.#socket.write(encodeFrame(frame));
  }

  /** Answers a Ping; of those that a server sends while it does not read, the last (RFC 6455, section 5.5.3). */
  pong(payload: Uint8Array): void {
    if (this.#socket.writableLength <= MOST_UNREAD) {
      this.send({ opcode: opcodes.pong, payload });
      return;
    }
    if (!this.#unanswered)
      this.#socket.once('drain', () => {
        const last = this.#unanswered;
        this.#unanswered = undefined;
        if (last) this.pong(last);
      });
    this.#unanswered = payload;
  }

  #uncork(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#socket.uncork();
  }

  /** Sends a message compressed, in fragments of at most `fragment` bytes. @throws when deflate is not negotiated */
  sendCompressed(opcode: number, data: Buffer, fragment = Number.POSITIVE_INFINITY): void {
    const { deflate } = this.#assembler;
    if (!deflate) throw new Error('permessage-deflate is not negotiated');
    const payload = deflate.deflate(data);
    for (let start = 0; start === 0 || start < payload.length; start += fragment) {
      const part = payload.subarray(start, start + Math.min(fragment, payload.length));
      const first = start === 0;
      this.send({
        opcode: first ? opcode : opcodes.continuation,
        rsv: first ? 4 : 0,
        fin: start + fragment >= payload.length,
        payload: part,
      });
    }
  }

  /** The answer so far: a refusal whose body never ends has a status all the same. */
  get response(): HandshakeResponse | undefined {
    return this.#response;
  }

  /** Whether permessage-deflate is in use. */
  get compressing(): boolean {
    return this.#assembler.deflate !== undefined;
  }

  /** Sends a Close frame; without a code, an empty one. */
  close(code?: number, reason?: string | Uint8Array): void {
    this.send({
      opcode: opcodes.close,
      ...(code !== undefined && { payload: closePayload(code, reason) }),
    });
  }

  /** Ends our side of the TCP stream. */
  end(): void {
    // A second end would be an error, which nobody looks at and Node takes its time for.
    if (!this.#socket.writableEnded && !this.#socket.destroyed) this.#socket.end();
  }

  /** Drops the connection with a TCP reset. */
  reset(): void {
    this.#uncork();
    this.#closedByRunner('the runner reset the connection');
    this.#socket.resetAndDestroy();
  }

  /** Drops the connection. */
  destroy(why: string): void {
    this.#closedByRunner(why);
    this.#socket.destroy();
  }

  /** Stops reading: the kernel's buffers fill, then the server's. */
  pause(): void {
    this.#socket.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#socket.resume();
  }

  #closedByRunner(detail: string): void {
    this.#close({ code: 1006, reason: '', by: 'runner', detail, at: performance.now() });
  }

  #close(close: Close): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handlers.close(close);
  }

  #data(chunk: Buffer): void {
    this.bytesRead += chunk.length;
    if (!this.#response) this.#handshake(chunk);
    else if (this.#response.status === 101) {
      this.#handlers.read?.();
      if (!this.#socket.destroyed) this.#frames(chunk);
    } else if (this.#response.body.length < MAX_BODY) this.#body(chunk);
    else this.destroy(`the body of the refusal is longer than ${MAX_BODY} bytes`);
  }

  #handshake(chunk: Buffer): void {
    this.#head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    let parsed: ReturnType<typeof readResponse>;
    try {
      parsed = readResponse(this.#head);
    } catch (error) {
      if (!(error instanceof NotHttp)) throw error;
      this.#respond({ ...NO_RESPONSE, statusText: error.message });
      this.destroy(error.message);
      return;
    }
    if (!parsed) return;
    this.#head = Buffer.alloc(0);
    const { response, rest } = parsed;
    if (response.status === 101) {
      response.faults.push(
        ...judgeSwitch(response, this.#key, this.#request),
        ...this.#negotiate(response),
      );
      this.#respond(response);
      if (rest.length > 0) this.#frames(rest);
      return;
    }
    this.#response = response;
    this.#body(rest);
  }

  #negotiate({ headers }: HandshakeResponse): ResponseFault[] {
    const offers = parseExtensions(this.#request.extensions ?? '');
    const faults: ResponseFault[] = [];
    for (const answer of parseExtensions(headers['sec-websocket-extensions'] ?? '')) {
      const offered = offers.some((offer) => offer.name === answer.name);
      if (!offered)
        faults.push({
          rule: 'transport-extension-only-when-offered',
          text: `the server selected the extension ${answer.name}, which was not offered`,
        });
      else if (answer.name === 'permessage-deflate') {
        const wrong = judgeDeflateAnswer(answer, offers);
        faults.push(
          ...wrong.map((text) => ({ rule: 'transport-deflate-response-valid' as const, text })),
        );
        this.#assembler.deflate = new Deflate(answer);
        this.#decoder.allowedRsv = 4;
      }
    }
    return faults;
  }

  #respond(response: HandshakeResponse): void {
    this.#response = response;
    if (this.#handedOn) return;
    this.#handedOn = true;
    this.#handlers.response(response);
  }

  // A refusal is handed on when its body is whole, or when the connection ends.
  #body(chunk: Buffer): void {
    const response = this.#response;
    if (!response) return;
    response.body = (response.body + chunk.toString('latin1')).slice(0, MAX_BODY);
    const length = response.headers['content-length'];
    const chunked = /\bchunked\b/i.test(response.headers['transfer-encoding'] ?? '');
    const whole = chunked
      ? /(^|\r\n)0\r\n(.*\r\n)*\r\n$/.test(response.body)
      : length !== undefined && response.body.length >= Number(length);
    if (whole || [204, 304].includes(response.status)) this.#refused(response);
    // Without a length a body ends with the connection, which some servers keep open: the status is enough.
    else this.#patience ??= setTimeout(() => this.#refused(response), BODY_MS);
  }

  #refused(response: HandshakeResponse): void {
    clearTimeout(this.#patience);
    this.#respond(response);
    const detail = `refused with HTTP ${response.status}`;
    this.#close({ code: 1006, reason: '', by: 'refusal', detail, at: performance.now() });
    this.#socket.destroy();
  }

  #frames(chunk: Buffer): void {
    try {
      for (const frame of this.#decoder.push(chunk)) {
        const unit = this.#assembler.take(frame);
        this.#handlers.frame(frame);
        if (unit?.kind === 'close') {
          const { code, reason, at } = unit;
          const detail =
            code === 1005 ? 'closed without a code' : `closed with ${code} ${reason}`.trim();
          this.#handlers.unit(unit);
          this.#close({ code, reason, by: 'frame', detail, at });
        } else if (unit) this.#handlers.unit(unit);
        // What is left of a flood is read by nobody.
        if (this.#socket.destroyed) return;
      }
    } catch (error) {
      if (!(error instanceof FrameTooLong)) throw error;
      this.#handlers.fault(error.message);
      this.destroy(error.message);
    }
  }

  #finish(by: 'fin' | 'reset'): void {
    const response = this.#response;
    if (response && response.status !== 101) this.#refused(response);
    else if (!response) this.#respond(NO_RESPONSE);
    const opened = response?.status === 101;
    const detail = this.#error
      ? `the TCP connection broke: ${this.#error}`
      : opened
        ? 'the server ended the TCP connection without a Close frame'
        : 'the server ended the TCP connection before it answered the handshake';
    if (by === 'reset' || !opened) {
      this.#close({ code: 1006, reason: '', by, detail, at: performance.now() });
      return;
    }
    const cut = this.#decoder.pending > 0 ? `${detail}, inside a frame` : detail;
    this.#close({ code: 1006, reason: '', by, detail: cut, at: performance.now() });
    this.end();
  }
}
