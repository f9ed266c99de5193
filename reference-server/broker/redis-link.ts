import { randomBytes } from 'node:crypto';
import { BackendUnavailable } from './broker.js';
import { type Client, createClient, isCluster } from './redis-client.js';
import type { Reply } from './redis-codec.js';
import { Deadlines } from './redis-deadlines.js';
import { sparing } from './redis-log.js';
import type { ScriptName } from './redis-scripts.js';

/** Where Redis is, and how long to wait for it. */
export interface RedisLinkOptions {
  /** `redis://`, `rediss://`, or `redis+cluster://` with the nodes to begin with, comma-separated. */
  readonly url: string;
  /**
   * Milliseconds after which a command without an answer counts as failed; 2,000 unless said. Where one connection
   * carries all answers, each that comes begins them anew for those behind it.
   */
  readonly deadlineMs?: number;
  readonly log?: (event: Readonly<Record<string, unknown>>) => void;
}

/** Whom a link tells what happens to it. */
export interface LinkUser {
  /** The link works (again): what has to be done before others may use it. */
  settle(): Promise<void>;
  /** The link is lost. */
  lost(): void;
  /** Something came over a channel. */
  push(channel: string, bytes: Buffer): void;
}

/** One word of a command. */
export type Word = string | number | Buffer;

/** A way to send commands that is open or not. */
export class Lane {
  readonly #open: () => boolean;
  readonly #send: (name: string, words: readonly Word[]) => Promise<Reply>;

  constructor(open: () => boolean, send: (name: string, words: readonly Word[]) => Promise<Reply>) {
    this.#open = open;
    this.#send = send;
  }

  /** Runs a script. */
  run(name: ScriptName, keys: readonly string[], words: readonly Word[]): Promise<Reply> {
    return this.#open() ? this.#send(`${name}Buffer`, [...keys, ...words]) : refuse();
  }

  /** Sends a command. */
  call(command: string, ...words: Word[]): Promise<Reply> {
    return this.#open() ? this.#send('callBuffer', [command, ...words]) : refuse();
  }
}

const SETTLE_AGAIN_MS = 250;
const PROBE_MS = 250;

// Answers that say that Redis cannot serve at present, as against that a script is wrong.
const NOT_NOW =
  /^(READONLY|LOADING|OOM|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|MISCONF|NOREPLICAS|MOVED|ASK|NOAUTH|WRONGPASS)\b/;

/**
 * One connection to Redis that commands and channels share (RESP3), or one to each node of a cluster. It never
 * queues while it is down and never waits for longer than its deadline: whoever asks then is told
 * `BackendUnavailable` at once.
 */
export class RedisLink {
  /** `settling`: connected, but whoever uses the link is not ready yet. */
  state: 'down' | 'settling' | 'up' = 'down';
  /** Since when it has been up without a break, in steady milliseconds. */
  upSince = Number.POSITIVE_INFINITY;
  /** Whether Redis is a cluster of its own. */
  readonly sharded: boolean;
  /** The life of the Redis process; a cluster's scripts ask for it themselves. */
  run = '';
  /** Distinguishes epochs that begin in the same microsecond. */
  readonly nonce = randomBytes(6).toString('hex');
  /** For requests: refused while the link is not up. */
  readonly served: Lane;
  /** For what makes the link fit for requests: also open while it settles. */
  readonly upkeep: Lane;
  readonly #client: Client;
  readonly #deadlines: Deadlines;
  readonly #log: (event: Readonly<Record<string, unknown>>) => void;
  /** The same, for what an outage brings about again and again. */
  readonly #repeated: (event: Readonly<Record<string, unknown>>) => void;
  #user: LinkUser = { settle: async () => {}, lost: () => {}, push: () => {} };
  #connected = false;
  #settling: Promise<void> | null = null;
  #unsettled = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor({ url, deadlineMs = 2_000, log = () => {} }: RedisLinkOptions) {
    this.#log = log;
    this.#repeated = sparing(log);
    this.sharded = isCluster(url);
    this.#client = createClient(url, deadlineMs);
    this.#deadlines = new Deadlines(deadlineMs, (failLate) => this.#overdue(failLate), {
      ordered: !this.sharded,
    });
    const send = (name: string, words: readonly Word[]) => this.#send(name, words);
    this.served = new Lane(() => this.state === 'up', send);
    this.upkeep = new Lane(() => this.#connected, send);
    this.#client.on('ready', () => this.#ready());
    this.#client.on('close', () => this.#down('the connection to Redis is closed'));
    this.#client.on('error', (error: Error) =>
      this.#repeated({ event: 'redis_error', reason: error.message }),
    );
    this.#client.on('smessageBuffer', (channel: Buffer, bytes: Buffer) =>
      this.#user.push(channel.toString(), bytes),
    );
    if (this.sharded) this.#client.on('subscribersReady', () => this.resettle());
  }

  /** Begins to connect; resolves when the link is up, or after `patienceMs` without. */
  async open(user: LinkUser, patienceMs: number): Promise<void> {
    this.#user = user;
    this.#client.connect().catch(() => {
      // Told by the event `error`; the client tries again by itself.
    });
    const end = performance.now() + patienceMs;
    while (this.state !== 'up' && performance.now() < end) await pause(10);
  }

  /** Subscribes to a channel; resolves when Redis has confirmed it. */
  subscribe(channel: string): Promise<Reply> {
    return this.#send('ssubscribe', [channel]);
  }

  /** Ends a subscription. */
  unsubscribe(channel: string): Promise<Reply> {
    return this.#send('sunsubscribe', [channel]);
  }

  /** Has the user settle again, since it found that it has to. */
  resettle(): void {
    if (!this.#connected || this.#closed) return;
    this.#unsettled = true;
    if (this.state === 'up') this.state = 'settling';
    this.#settling ??= this.#settle();
  }

  /** Ends the connection. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#deadlines.close(new BackendUnavailable('The connection to Redis is being closed.'));
    this.#client.disconnect();
    this.state = 'down';
  }

  #send(name: string, words: readonly Word[]): Promise<Reply> {
    if (!this.#connected) return refuse();
    // The scripts are methods of the client that only it knows of.
    const client = this.#client as unknown as Record<string, (...words: Word[]) => Promise<Reply>>;
    return this.#deadlines.within(() => client[name]?.(...words) ?? refuse()).catch(translate);
  }

  #ready(): void {
    this.#connected = true;
    this.resettle();
  }

  async #settle(): Promise<void> {
    try {
      while (this.#unsettled && this.#connected) {
        this.#unsettled = false;
        this.state = 'settling';
        if (!this.sharded) this.run = runOf(await this.upkeep.call('INFO', 'server'));
        await this.#user.settle();
      }
      if (!this.#connected) return;
      this.state = 'up';
      this.upSince = performance.now();
    } catch (error) {
      this.#repeated({ event: 'redis_unsettled', reason: String(error) });
      this.#again(SETTLE_AGAIN_MS);
    } finally {
      this.#settling = null;
    }
  }

  #again(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.resettle(), ms);
    this.#timer.unref();
  }

  #down(reason: string): void {
    this.#connected = false;
    this.#lost(reason);
    this.#deadlines.fail(new BackendUnavailable(reason));
  }

  #lost(reason: string): void {
    this.run = '';
    this.upSince = Number.POSITIVE_INFINITY;
    if (this.state === 'down') return;
    this.state = 'down';
    this.#log({ event: 'redis_lost', reason });
    this.#user.lost();
  }

  /** Redis has not answered for too long. */
  #overdue(failLate: (error: Error) => void): void {
    const error = new BackendUnavailable('Redis does not answer.');
    // The nodes of a cluster answer apart from each other: one that stands still does not stop the rest.
    if (this.sharded) {
      failLate(error);
      return;
    }
    this.#lost('Redis does not answer');
    this.#deadlines.fail(error);
    this.#probe(0);
  }

  /** Asks until Redis answers; after a while on a connection of its own, since this one may be cut. */
  #probe(failures: number): void {
    if (!this.#connected || this.#closed) return;
    if (failures === 2) {
      this.#client.disconnect(true);
      return;
    }
    this.upkeep.call('PING').then(
      () => this.resettle(),
      () => {
        setTimeout(() => this.#probe(failures + 1), PROBE_MS).unref();
      },
    );
  }
}

function refuse(): Promise<never> {
  return Promise.reject(new BackendUnavailable('There is no connection to Redis.'));
}

function translate(error: unknown): never {
  if (error instanceof BackendUnavailable) throw error;
  const { name, message } = error as Error;
  if (name === 'ReplyError' && !NOT_NOW.test(message)) throw error;
  throw new BackendUnavailable(message);
}

function runOf(info: Reply): string {
  return /run_id:(\w+)/.exec(String(info))?.[1] ?? '';
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
