import { encode, type Frame, type Incoming } from './frames.js';
import type { Rates } from './rates.js';
import type { Clock } from './surroundings.js';

/** A request that lives and dies with its connection. */
export interface Request {
  readonly type: string;
  readonly room?: string;
  readonly data?: object;
}

/** A request that was sent, and what is done with its reply. */
export interface Asked {
  readonly type: string;
  readonly replied: (reply: Incoming) => void;
}

/** The requests of the present connection that have no reply yet. */
export class Requests {
  readonly #rates: Rates;
  readonly #clock: Clock;
  readonly #nextId: () => string;
  readonly #asked = new Map<string, Asked>();

  constructor(rates: Rates, clock: Clock, nextId: () => string) {
    this.#rates = rates;
    this.#clock = clock;
    this.#nextId = nextId;
  }

  /** Sends a request if the rates admit it; says how long it has to wait, 0 when it was sent. */
  ask(
    line: { send(frame: Frame): void },
    request: Request,
    replied: (reply: Incoming) => void = () => undefined,
  ): number {
    const id = this.#nextId();
    const wait = this.#rates.wait(request.type, id, this.#clock.now());
    if (wait > 0) return wait;
    this.#rates.sent(request.type, id);
    this.#asked.set(id, { type: request.type, replied });
    line.send(encode({ ...request, id }));
    return 0;
  }

  /** The request that a reply belongs to; it is held no longer. */
  answered(id: string): Asked | undefined {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    return asked;
  }

  /** Forgets all: their connection has ended. */
  clear(): void {
    this.#asked.clear();
  }
}

// Where a server does not say how long to wait.
const WAIT_UNTOLD_MS = 1_000;

/** The `retry_after_ms` of an `error` in milliseconds; 1 s where there is none. */
export function toldWait({ data }: Incoming): number {
  const told = data['retry_after_ms'];
  return typeof told === 'number' ? told : WAIT_UNTOLD_MS;
}
