import net from 'node:net';
import {
  encodeFrame,
  type Frame,
  FrameDecoder,
  type FrameInit,
} from '#conformance/harness/frames.js';

/** The way from the server to one client. */
export interface Line {
  /** Sends a frame that the server did not send. */
  send(frame: FrameInit): void;
}

/** What is done to one connection; a part that is absent leaves what passes as it is. */
export interface Tap {
  /** Answers the opening request in place of the server, or changes it. */
  request?: (head: string) => { answer: string } | { head: string };
  /** Changes the head of the server's answer. */
  response?: (head: string) => string;
  /** The frames that reach the server in place of one of the client's. */
  toServer?: (frame: Frame) => readonly (Frame | FrameInit)[];
  /** The frames that reach the client in place of one of the server's. */
  toClient?: (frame: Frame) => readonly (Frame | FrameInit)[];
  /** Passes bytes on in its own way and time; `done` follows when they have left. */
  carry?: (bytes: Buffer, write: (bytes: Buffer) => void, done: () => void) => void;
}

/** Makes what is done to one connection; `others` are the lines to all that are open. */
export type TapFactory = (line: Line, others: ReadonlySet<Line>) => Tap;

/** A proxy before one WebSocket endpoint. */
export interface FaultProxy {
  /** The endpoint by way of the proxy. */
  readonly url: string;
  /** How often something was changed. */
  readonly changes: number;
  close(): Promise<void>;
}

const END_OF_HEAD = '\r\n\r\n';
const LONGEST_HEAD = 65_536;
const MAX_PAYLOAD = 64 * 1024 * 1024;

/** Starts a proxy on the loopback that passes everything on to a WebSocket endpoint, and changes what a tap changes. */
export async function startProxy(endpoint: string, make: TapFactory): Promise<FaultProxy> {
  const { hostname, port, pathname, search } = new URL(endpoint);
  const sockets = new Set<net.Socket>();
  const lines = new Set<Line>();
  let changes = 0;
  const changed = () => {
    changes += 1;
  };
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = net.connect({
      port: Number(port || 80),
      host: hostname.replace(/^\[|\]$/g, ''),
      noDelay: true,
      allowHalfOpen: true,
    });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    join(near, far, { make, lines, changed });
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', reject);
  });
  const address = server.address() as net.AddressInfo;
  return {
    url: `ws://127.0.0.1:${address.port}${pathname}${search}`,
    get changes() {
      return changes;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

interface Meddling {
  make: TapFactory;
  lines: Set<Line>;
  changed: () => void;
}

function join(near: net.Socket, far: net.Socket, { make, lines, changed }: Meddling): void {
  const line: Line = {
    send(frame) {
      changed();
      if (near.writable) near.write(encodeFrame({ mask: false, ...frame }));
    },
  };
  const tap = make(line, lines);
  const { carry } = tap;
  if (carry) changed();
  const up = new Way(near, far, carry);
  const down = new Way(far, near, carry);
  up.begin(
    (head) => {
      // Compressed frames could not be read; a server has to do without when nobody offers.
      const plain = head.replace(/^sec-websocket-extensions:.*\r\n/gim, '');
      const verdict = tap.request?.(plain);
      if (verdict && 'answer' in verdict) {
        changed();
        near.end(verdict.answer);
        far.destroy();
        return undefined;
      }
      if (verdict && verdict.head !== plain) changed();
      return verdict?.head ?? plain;
    },
    frames(tap.toServer, true, changed),
  );
  // What follows another answer is its body.
  let switched = false;
  const change = frames(tap.toClient, false, changed);
  down.begin(
    (head) => {
      switched = /^HTTP\/1\.1 101/.test(head);
      if (switched) lines.add(line);
      const answer = tap.response?.(head) ?? head;
      if (answer !== head) changed();
      return answer;
    },
    (bytes) => (switched ? change(bytes) : bytes),
  );
  const end = () => {
    lines.delete(line);
    near.destroy();
    far.destroy();
  };
  for (const socket of [near, far]) {
    socket.on('error', end);
    socket.on('close', end);
  }
}

/** Changes frames in a stream of bytes; bytes are passed on as they are where nothing is changed. */
function frames(
  change: Tap['toClient'],
  fromClient: boolean,
  changed: () => void,
): (bytes: Buffer) => Buffer {
  if (!change) return (bytes) => bytes;
  const decoder = new FrameDecoder({ masked: fromClient, maxPayload: MAX_PAYLOAD });
  return (bytes) => {
    const out: Buffer[] = [];
    for (const frame of decoder.push(bytes)) {
      const instead = change(frame);
      if (instead.length !== 1 || instead[0] !== frame) changed();
      for (const each of instead) out.push(encodeFrame({ mask: fromClient, ...each }));
    }
    return Buffer.concat(out);
  };
}

/** One direction of a connection: a head, then frames. */
class Way {
  readonly #from: net.Socket;
  readonly #to: net.Socket;
  readonly #carry: Tap['carry'];
  readonly #queue: (Buffer | 'end')[] = [];
  #carrying = false;

  constructor(from: net.Socket, to: net.Socket, carry: Tap['carry']) {
    this.#from = from;
    this.#to = to;
    this.#carry = carry;
  }

  begin(onHead: (head: string) => string | undefined, onBytes: (bytes: Buffer) => Buffer): void {
    let head: Buffer | undefined = Buffer.alloc(0);
    this.#from.on('data', (bytes: Buffer) => {
      if (head === undefined) {
        this.#pass(onBytes(bytes));
        return;
      }
      head = Buffer.concat([head, bytes]);
      const end = head.indexOf(END_OF_HEAD);
      if (end < 0 && head.length < LONGEST_HEAD) return;
      // What is no head is passed on as it is.
      const size = end < 0 ? 0 : end + END_OF_HEAD.length;
      const rest = head.subarray(size);
      const changed = onHead(head.subarray(0, size).toString('latin1'));
      head = undefined;
      if (changed === undefined) return;
      this.#pass(Buffer.from(changed, 'latin1'));
      if (rest.length > 0) this.#pass(onBytes(rest));
    });
    this.#from.on('end', () => {
      if (head && head.length > 0) this.#pass(head);
      this.#queue.push('end');
      this.#next();
    });
    this.#to.on('drain', () => this.#from.resume());
  }

  #pass(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (!this.#carry) {
      this.#write(bytes);
      return;
    }
    this.#queue.push(bytes);
    this.#next();
  }

  #next(): void {
    if (this.#carrying) return;
    const first = this.#queue.shift();
    if (first === undefined) return;
    if (first === 'end') {
      this.#to.end();
      return;
    }
    this.#carrying = true;
    this.#carry?.(
      first,
      (bytes) => this.#write(bytes),
      () => {
        this.#carrying = false;
        this.#next();
      },
    );
  }

  #write(bytes: Buffer): void {
    if (this.#to.writable && !this.#to.write(bytes)) this.#from.pause();
  }
}
