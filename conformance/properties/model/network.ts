import { type Message, parseBinary } from '#conformance/harness/message.js';
import type { Hear, Identity, Line, Network } from '../network.js';
import type { Peer, Server } from './server.js';

/** A source of numbers from 0 to 1. */
export type Random = () => number;

/** The same numbers for the same seed. */
export function randomFrom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

interface Wire {
  peer: Peer | undefined;
  identity: Identity;
  hear: Hear;
  in: (string | Buffer)[];
  fresh: boolean;
  since: number;
  ended: boolean;
  paused: boolean;
  over: boolean;
  /** What the server closes with, once it has seen our end. */
  code: number;
}

/** The way to a modelled server: every step of it happens in an order drawn from a seed. */
export class Simulation implements Network {
  readonly server: Server;
  readonly #random: Random;
  readonly #wires: Wire[] = [];
  #spent: ((why: 'silence') => void) | undefined;
  #clock = 0;
  #running = false;

  readonly #restless: number;

  /** `restless` is how often, from 0 to 1, the server ends a connection by its own will, as for a missed heartbeat. */
  constructor(server: Server, random: Random, restless = 0) {
    this.server = server;
    this.#random = random;
    this.#restless = restless;
  }

  now(): number {
    return this.#clock;
  }

  async turn(): Promise<void> {
    for (let steps = Math.floor(this.#random() * 4); steps > 0; steps -= 1) this.#step();
  }

  patience(spent: (why: 'silence') => void): () => void {
    this.#spent = spent;
    if (!this.#running) {
      this.#running = true;
      queueMicrotask(() => this.#run());
    }
    return () => {
      if (this.#spent === spent) this.#spent = undefined;
    };
  }

  open(identity: Identity, hear: Hear): Line {
    const wire: Wire = {
      peer: undefined,
      identity,
      hear,
      in: [],
      fresh: true,
      since: this.#clock,
      ended: false,
      paused: false,
      over: false,
      code: 1000,
    };
    this.#wires.push(wire);
    const corked: (string | Buffer)[] = [];
    const end = () => {
      wire.ended = true;
    };
    return {
      waiting: false,
      text: (text) => corked.push(text),
      binary: (bytes) => corked.push(bytes),
      flush: () => wire.in.push(...corked.splice(0)),
      close: end,
      kill: () => {
        // A reset may destroy what was not read yet.
        if (this.#random() < 0.5) wire.in.length = Math.floor(wire.in.length * this.#random());
        wire.over = true;
        end();
      },
      cut: () => {
        wire.over = true;
        end();
      },
      pieces: (text) => corked.push(text),
      breach: ({ codes }) => {
        wire.code = codes[0] ?? 1002;
        end();
      },
      pause: () => {
        wire.paused = true;
      },
      read: () => {
        wire.paused = false;
      },
      drop: end,
    };
  }

  async #run(): Promise<void> {
    while (this.#spent) {
      if (!this.#step()) {
        const spent = this.#spent;
        this.#spent = undefined;
        spent('silence');
      }
      // Whoever waits goes on in a microtask of its own.
      for (let turns = 0; turns < 6; turns += 1) await undefined;
    }
    this.#running = false;
  }

  /** One thing happens; false when nothing can. */
  #step(): boolean {
    this.#clock += this.#random() * 0.2;
    const possible: (() => void)[] = [];
    if (this.#random() < this.#restless) {
      const wire = this.#wires[Math.floor(this.#random() * this.#wires.length)];
      const age = this.#clock - (wire?.since ?? 0);
      if (wire?.peer && age >= this.server.announced.heartbeat.timeout_ms)
        this.server.disconnect(wire.peer);
    }
    for (const wire of this.#wires) {
      const { peer } = wire;
      if (wire.fresh) possible.push(() => this.#connect(wire));
      else if (peer?.open) {
        const next = wire.in[0];
        if (next !== undefined)
          possible.push(() => {
            wire.in.shift();
            this.server.take(peer, next, this.#clock);
          });
        else if (wire.ended) possible.push(() => this.server.disconnect(peer));
        if (peer.inbox.length > 0) possible.push(() => this.server.deliver(peer));
      }
      if (peer && peer.out.length > 0 && !wire.paused)
        possible.push(() => {
          const frame = peer.out.shift();
          if (frame && !wire.over) wire.hear.message(read(frame));
        });
      else if (peer && !peer.open && !wire.over)
        possible.push(() => {
          wire.over = true;
          wire.hear.closed(wire.ended ? wire.code : 4201, '');
        });
    }
    possible[Math.floor(this.#random() * possible.length)]?.();
    return possible.length > 0;
  }

  #connect(wire: Wire): void {
    wire.fresh = false;
    wire.peer = this.server.connect(wire.identity.user, wire.identity.broadcaster);
    if (!wire.over) wire.hear.opened();
  }
}

function read(frame: Message | Buffer): Message {
  return Buffer.isBuffer(frame) ? (parseBinary(frame) as Message) : structuredClone(frame);
}
