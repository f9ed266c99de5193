import type { Welcome } from '#schemas/types.js';
import { atOnce, backOff, WELL_AFTER_MS } from './backoff.js';
import { afterEnd, type Notice } from './closing.js';
import { decode } from './frames.js';
import { judge } from './heartbeat.js';
import { Queue } from './queue.js';
import { Rates } from './rates.js';
import { Rooms, type Sequenced } from './rooms.js';
import { Track } from './track.js';

/** What is known of a connection when something is to be sent on it. */
export interface Usability {
  readonly welcome: Welcome | undefined;
  readonly notice: Notice | undefined;
}

/** Every decision of the client: a client with one of them replaced is a different client. */
export interface Parts {
  /** The subprotocols of the opening handshake, in order. */
  readonly protocols: readonly string[];
  readonly afterEnd: typeof afterEnd;
  readonly backOff: typeof backOff;
  readonly atOnce: typeof atOnce;
  /** How long after `welcome` a connection counts as well, in milliseconds. */
  readonly wellAfterMs: number;
  readonly judge: typeof judge;
  readonly decode: typeof decode;
  readonly closeCodes: { readonly done: number; readonly silent: number };
  /** Whether requests may be sent on a connection. */
  readonly usable: (connection: Usability) => boolean;
  /** Whether the server can replay what was missed. */
  readonly resumes: (welcome: Welcome) => boolean;
  /** How long the server knows a request again, in milliseconds; 0: not at all. */
  readonly dedupWindow: (welcome: Welcome) => number;
  readonly rates: () => Rates;
  readonly queue: (limit: number) => Queue;
  readonly rooms: () => Rooms;
}

/** The decisions as the specification has them. */
export const defaultParts: Parts = {
  protocols: ['parlor.v1', 'parlor.unsupported'],
  afterEnd,
  backOff,
  atOnce,
  wellAfterMs: WELL_AFTER_MS,
  judge,
  decode,
  closeCodes: { done: 1000, silent: 4201 },
  usable: ({ welcome, notice }) => welcome !== undefined && notice === undefined,
  resumes: ({ features }) => features.includes('resume'),
  dedupWindow: ({ dedup_window_ms }) => dedup_window_ms ?? 0,
  rates: () => new Rates(),
  queue: (limit) => new Queue(limit),
  rooms: () => new Rooms(() => new Track<Sequenced>()),
};
