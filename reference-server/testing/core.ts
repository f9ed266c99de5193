import { aloneInMemory, type BrokerFactory, createCore } from '../core.js';
import { payloadOf } from '../frames.js';
import { admit } from '../handshake.js';
import { Tally } from '../operations.js';
import { resolveOptions, type ServerOptions } from '../options.js';
import { defaultParts, withParts } from '../parts.js';
import { perform } from '../perform.js';
import { incoming, receive } from '../requests.js';
import type { Closing, Connection, Core, Grant } from '../state.js';

/** What a connection was sent, read back. */
export interface Received {
  readonly type: string;
  readonly data: Record<string, unknown>;
  readonly [member: string]: unknown;
}

/** A connection without a socket. */
export interface Client {
  readonly connection: Connection;
  /** Everything that was sent so far; taken away by `take`. */
  readonly inbox: Received[];
  readonly closing: Closing | null;
  /** Sends a message, and waits for what it leads to. */
  send(message: object | string | Buffer): Promise<void>;
  /** Empties the inbox. */
  take(): Received[];
}

interface Task {
  readonly at: number;
  run: (() => void) | null;
}

/** A core whose clock stands still until it is moved. */
export interface World {
  readonly core: Core;
  readonly log: Record<string, unknown>[];
  /** Moves the clocks by so many milliseconds and runs what has come due. */
  pass(ms: number): void;
  /** A connection, welcomed as this user. */
  connect(user: string, grant?: Partial<Grant>): Promise<Client>;
}

const START = Date.UTC(2030, 0, 1);
const SECRET = 'a secret of at least thirty-two bytes';

/** Sets up a core for a test. */
export async function world(
  options: ServerOptions = {},
  makeBroker: BrokerFactory = aloneInMemory,
): Promise<World> {
  const config = resolveOptions({ tokens: { secret: SECRET }, ...options });
  const parts = options.parts ? withParts(options.parts) : defaultParts;
  const log: Record<string, unknown>[] = [];
  let passed = 0;
  let tasks: Task[] = [];
  const core = await createCore(config, parts, {
    out: {
      room(room, frame, except) {
        for (const { grant, link } of room.members) if (grant.user !== except) link.send(frame);
      },
      entered: () => undefined,
      leaving: () => undefined,
    },
    counters: new Tally(0),
    log: (event) => log.push(event),
    now: () => ({ wall: START + passed, steady: passed }),
    agenda: {
      in(delay, run) {
        const task = { at: passed + delay, run };
        tasks.push(task);
        return task;
      },
      cancel(task) {
        if (task) task.run = null;
      },
    },
    sessions: options.sessions ?? null,
    makeBroker,
  });

  return {
    core,
    log,
    pass(ms) {
      const until = passed + ms;
      for (;;) {
        const [next] = tasks.filter((it) => it.at <= until).sort((a, b) => a.at - b.at);
        if (!next) break;
        tasks = tasks.filter((it) => it !== next);
        passed = Math.max(passed, next.at);
        next.run?.();
      }
      passed = until;
    },
    async connect(user, grant = {}) {
      const client = open(core);
      const { connection } = client;
      const expiresAt = START + passed + 3_600_000;
      const full: Grant = {
        user,
        method: 'token',
        expiresAt,
        rooms: null,
        scopes: [],
        session: null,
        ...grant,
      };
      await admit(core, connection, { grant: full });
      return client;
    },
  };
}

function open(core: Core): Client {
  let inbox: Received[] = [];
  let closing: Closing | null = null;
  const connection: Connection = {
    id: core.newId(),
    link: {
      send(frame) {
        const bytes = payloadOf(frame);
        const header = frame.binary ? bytes.subarray(3, 3 + bytes.readUInt16BE(1)) : bytes;
        inbox.push(JSON.parse(header.toString()));
      },
      flush: () => undefined,
      close: (it) => {
        closing = it;
      },
      welcomed: () => undefined,
      queued: () => 0,
    },
    phase: 'awaiting',
    grant: {
      user: '',
      method: 'token',
      expiresAt: null,
      rooms: [],
      scopes: [],
      session: null,
    },
    rooms: new Map(),
    alarms: [],
    limiters: null,
    refusals: null,
    faults: null,
    notice: null,
  };
  return {
    connection,
    get inbox() {
      return inbox;
    },
    get closing() {
      return closing;
    },
    async send(message) {
      const binary = Buffer.isBuffer(message);
      const bytes = binary
        ? message
        : Buffer.from(typeof message === 'string' ? message : JSON.stringify(message));
      perform(core, connection, await receive(core, connection, incoming(bytes, binary, core)));
    },
    take() {
      const taken = inbox;
      inbox = [];
      return taken;
    },
  };
}
