import { randomBytes } from 'node:crypto';
import type { Unit } from '#conformance/harness/assembler.js';
import { judge } from '#conformance/harness/faults.js';
import { encodeFrame, opcodes } from '#conformance/harness/frames.js';
import { isApplications, isMessage, parseBinary, parseText } from '#conformance/harness/message.js';
import type { Minter } from '#conformance/harness/tokens.js';
import type { Expiry } from '#conformance/harness/watchdog.js';
import { Wire } from '#conformance/harness/wire.js';
import { inPieces } from './breaches.js';
import { isJudged, type JudgedRule } from './judged.js';
import type { Hear, Identity, Line, Network } from './network.js';
import type { Announced } from './trace.js';

/** What is needed to talk to a real server. */
export interface Endpoint {
  /** Addresses of the server's instances. */
  urls: readonly string[];
  minter: Minter;
  announced: Announced;
  /** Waits for a turn at the server's door. @returns what says that one is through, or gone */
  enter(url: URL): Promise<() => void>;
  /** Watches a wait; see the harness's watchdog. */
  watch(expire: (why: Expiry) => void): () => void;
}

/** How long a server may take to end a connection that the conversation no longer needs. */
const FAREWELL_MS = 1_000;

/** The way to a real server, over sockets. */
export class Sockets implements Network {
  readonly #endpoint: Endpoint;
  readonly #urls: URL[];

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    this.#urls = endpoint.urls.map((each) => new URL(each));
  }

  now(): number {
    return performance.now();
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  patience(spent: (why: Expiry) => void): () => void {
    return this.#endpoint.watch(spent);
  }

  open({ user, broadcaster, instance }: Identity, hear: Hear): Line {
    const url = this.#urls[instance % this.#urls.length] as URL;
    const claims = broadcaster ? { scope: 'parlor:broadcast' } : {};
    // A key for each frame would cost a system call each; what it protects from is no matter here.
    const maskKey = randomBytes(4);
    const corked: Buffer[] = [];
    let open = true;
    let welcomed = false;
    const ours: Hear = {
      ...hear,
      message(message) {
        // From `welcome` on, events of the application are its own business.
        if (welcomed && isApplications(message)) return;
        welcomed ||= message.type === 'welcome';
        hear.message(message);
      },
    };
    const token = this.#endpoint.minter.mint(user, claims);
    const dial = (inside: () => void): Wire => {
      const request = { query: [['token', token]] as const, subprotocols: ['parlor.v1'] };
      const dialled: Wire = new Wire(url, request, {
        response: ({ status, faults }) => {
          inside();
          for (const { rule, text } of faults)
            hear.malformed(known(rule), 'an answer as RFC 6455 has it', text);
          if (status === 101) hear.opened();
        },
        frame: ({ faults }) => {
          for (const text of faults)
            hear.malformed('transport-server-frames-well-formed', 'a well-formed frame', text);
        },
        unit: (unit) => this.#unit(unit, dialled, ours),
        close: ({ code, reason, by }) => {
          inside();
          open = false;
          if (by !== 'runner') hear.closed(code, reason);
        },
        end: () => {},
        fault: (text) =>
          hear.malformed('transport-server-frames-well-formed', 'a well-formed frame', text),
      });
      return dialled;
    };
    // What is done before it is its turn to connect is done then.
    let wire: Wire | undefined;
    const before: ((wire: Wire) => void)[] = [];
    const act = (what: (wire: Wire) => void) => {
      if (wire) what(wire);
      else before.push(what);
    };
    void this.#endpoint.enter(url).then((inside) => {
      if (!open) return inside();
      hear.knocked();
      wire = dial(inside);
      for (const each of before.splice(0)) each(wire);
    });
    const flush = () =>
      act((it) => {
        if (corked.length > 0)
          it.write(corked.length === 1 ? (corked[0] as Buffer) : Buffer.concat(corked));
        corked.length = 0;
      });
    return {
      get waiting() {
        return open && !wire;
      },
      text: (text) => corked.push(encodeFrame({ opcode: opcodes.text, payload: text, maskKey })),
      binary: (bytes) =>
        corked.push(encodeFrame({ opcode: opcodes.binary, payload: bytes, maskKey })),
      flush,
      close: () => act((it) => it.close(1000)),
      kill: () => act((it) => it.reset()),
      cut: (text) =>
        act((it) => {
          const frame = encodeFrame({ opcode: opcodes.text, payload: text, maskKey });
          it.write(frame.subarray(0, frame.length >> 1));
          setImmediate(() => it.reset());
        }),
      pieces: (text, variant) => corked.push(inPieces(opcodes.text, Buffer.from(text), variant)),
      breach: ({ bytes }) => act((it) => it.write(bytes(this.#endpoint.announced))),
      pause: () => act((it) => it.pause()),
      read: () => act((it) => it.resume()),
      drop: () => {
        if (open && wire) wire.close(1000);
        open = false;
        // The server ends TCP first, so that no address of ours waits for late segments.
        setTimeout(() => wire?.reset(), FAREWELL_MS).unref();
      },
    };
  }

  #unit(unit: Unit, wire: Wire, hear: Hear): void {
    if (unit.kind === 'ping') wire.pong(unit.payload);
    else if (unit.kind === 'close')
      wire.send({ opcode: opcodes.close, payload: unit.code === 1005 ? '' : codeBytes(unit.code) });
    else if (unit.kind === 'text' || unit.kind === 'binary') {
      const binary = unit.kind === 'binary';
      const message = binary ? parseBinary(unit.payload) : parseText(unit.payload);
      if (!isMessage(message)) {
        hear.malformed('messages-json-object', 'exactly one I-JSON object', message.fault);
        return;
      }
      const requested = message.ref === undefined ? [] : hear.requested(message.ref);
      for (const { rule, expected, actual } of judge(message, {
        features: this.#endpoint.announced.features,
        binary,
        requested,
      }))
        hear.malformed(known(rule), expected, actual);
      hear.message(message);
    }
  }
}

function codeBytes(code: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(code);
  return bytes;
}

// Every fault of a frame is told; those that no conversation rule speaks of, as a message that does not fit.
function known(rule: string): JudgedRule {
  return isJudged(rule) ? rule : 'messages-schema-valid';
}
