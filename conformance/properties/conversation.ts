import type { Message } from '#conformance/harness/message.js';
import type { Expiry } from '#conformance/harness/watchdog.js';
import type { Breach } from './breaches.js';
import { Budget } from './budget.js';
import type { Identity, Network } from './network.js';
import { Live, type Participant } from './participant.js';
import type { Script } from './script.js';
import type { Announced, Entry, Faulty, Trace } from './trace.js';
import { person, place } from './words.js';

/** How often what comes may renew the patience of one wait: a server may talk without end. */
const MOST_RENEWALS = 1_000;

/** How a message is sent. */
interface Sending {
  /** What is to become of it, if it is wrong on purpose. */
  faulty?: Faulty;
  /** The operation of the script that it belongs to. */
  operation?: number;
  /** What goes out in place of the message. */
  raw?: string | Buffer;
  /** In several frames, by this variant. */
  pieces?: number;
}

/** A wait was given up. */
export class Stuck extends Error {
  readonly why: Expiry;

  constructor(why: Expiry) {
    super(`a wait ended in ${why}`);
    this.name = 'Stuck';
    this.why = why;
  }
}

/** The state of one running conversation: who is connected, what was sent, and the trace of it all. */
export class Conversation {
  readonly script: Script;
  readonly network: Network;
  readonly announced: Announced;
  readonly namespace: string;
  readonly budget: Budget;
  readonly participants: Participant[];
  readonly rooms: string[];
  readonly lives: Live[] = [];
  readonly trace: Trace;
  /** The members that anybody was told last, by room. */
  readonly lists = new Map<string, string[]>();
  /** The last message of the messages bucket that each user sent with an id. */
  readonly lastSent = new Map<string, Message>();
  /** Bytes of messages sent so far serve as tags and ids: counted, never reused. */
  #counter = 0;
  readonly #start: number;
  #reversed: boolean;
  #waiter: (() => void) | undefined;

  constructor(script: Script, network: Network, announced: Announced, namespace: string) {
    this.script = script;
    this.network = network;
    this.announced = announced;
    this.namespace = namespace;
    this.budget = new Budget(announced);
    this.trace = { namespace, announced, entries: [] };
    this.#start = network.now();
    // Conversations are numbered in their names, so that every second one begins with the other order.
    this.#reversed = Number.parseInt(namespace.slice(-1), 36) % 2 === 1;
    this.rooms = Array.from(
      { length: Math.min(script.rooms, announced.limits.max_rooms) },
      (_, index) => `${place(index)}.${namespace}`,
    );
    this.participants = script.clients.map((client, index) => ({
      index,
      user: `${person(client.user)}.${namespace}`,
      // Every second user may broadcast, so that both answers are seen.
      broadcaster: client.user % 2 === 0,
      instance: client.at ?? 0,
      live: undefined,
      memory: new Map(),
    }));
  }

  /** A tag or id that was not used before. */
  fresh(): string {
    this.#counter += 1;
    return String(this.#counter);
  }

  /** Adds an entry to the trace. */
  record(entry: Entry extends infer E ? (E extends Entry ? Omit<E, 'at'> : never) : never): void {
    this.trace.entries.push({ ...entry, at: this.network.now() - this.#start } as Entry);
  }

  /** Opens a connection for a client that has none; false when the announced limit is reached. */
  open(participant: Participant): boolean {
    const { index: client, user, broadcaster, instance } = participant;
    // Whether the server has noticed the end of an earlier connection is not known.
    const mine = this.lives.filter((each) => each.user === user);
    if (mine.length >= this.announced.limits.max_connections_per_user) return false;
    const live = new Live(this.lives.length, client, user);
    this.lives.push(live);
    participant.live = live;
    const connection = live.number;
    this.record({ kind: 'open', connection, client, user, broadcaster, instance });
    const opening = this.trace.entries.at(-1);
    const identity: Identity = { user, broadcaster, instance };
    live.line = this.network.open(identity, {
      knocked: () => {
        if (opening?.kind === 'open') opening.knockedAt = this.network.now() - this.#start;
        this.#progress();
      },
      opened: () => {
        live.opened = true;
        for (const each of live.later.splice(0)) each();
        live.line?.flush();
        this.#progress();
      },
      message: (message) => {
        this.record({ kind: 'receive', connection, message });
        live.note(message);
        if (message.room !== undefined && Array.isArray(message.data.members))
          this.lists.set(message.room, message.data.members);
        this.#remember(participant, live, message);
        this.#progress();
      },
      requested: (id) =>
        live.pending.flatMap((each) =>
          each.id === id && each.type !== '(text)' ? [each.type] : [],
        ),
      malformed: (rule, expected, actual) =>
        this.record({ kind: 'malformed', connection, rule, expected, actual }),
      closed: (code, reason) => {
        if (live.over) return;
        live.over = true;
        this.record({ kind: 'closed', connection, code, reason });
        if (participant.live === live) participant.live = undefined;
        this.#progress();
      },
    });
    return true;
  }

  /** Sends a message, now or once the opening handshake is complete. `done` is called when it is written. */
  send(live: Live, message: Message, options: Sending = {}): void {
    const { faulty, operation, raw, pieces } = options;
    if (!live.writable) return;
    const write = () => {
      if (!live.writable) return;
      this.record({
        kind: 'send',
        connection: live.number,
        message,
        ...(faulty && { faulty }),
        ...(operation !== undefined && { operation }),
      });
      if (pieces !== undefined) live.line?.pieces(JSON.stringify(message), pieces);
      else if (raw === undefined) live.write(message);
      else if (typeof raw === 'string') live.line?.text(raw);
      else live.line?.binary(raw);
    };
    if (faulty) live.faults += 1;
    const counts = faulty ? faulty.as : message.type;
    if (counts !== undefined) this.budget.spend(live, counts);
    live.expect(message, faulty);
    if (live.opened) write();
    else live.later.push(write);
  }

  /** Ends a connection from our side: with a Close frame, a reset, a reset after half a text, or a breach. */
  end(live: Live, how: 'close' | 'kill' | { half: string } | Breach): void {
    if (!live.writable) return;
    live.line?.flush();
    live.ending = true;
    const participant = this.participants[live.client];
    if (participant?.live === live) participant.live = undefined;
    const connection = live.number;
    if (typeof how === 'string') {
      this.record({ kind: 'end', connection, how });
      live.line?.[how]();
    } else if ('half' in how) {
      this.record({ kind: 'end', connection, how: 'cut' });
      live.line?.cut(how.half);
    } else {
      const { label, rule, codes } = how;
      this.record({ kind: 'end', connection, how: 'breach', breach: { label, rule, codes } });
      live.line?.breach(how);
    }
  }

  /** Hands everything to the sockets. */
  flush(): void {
    // Who comes last is not always the same: one order of arrival would hide the races that take the other.
    const order = this.#reversed ? this.lives.toReversed() : this.lives;
    this.#reversed = !this.#reversed;
    for (const live of order) if (live.writable && live.opened) live.line?.flush();
  }

  /** Waits until something holds; all that comes renews the patience. @throws Stuck when nothing comes any more */
  async until(test: () => boolean): Promise<void> {
    this.flush();
    if (test()) return;
    await new Promise<void>((resolve, reject) => {
      let renewals = MOST_RENEWALS;
      let stop = () => {};
      const watch = () =>
        this.network.patience((why) => {
          // Whoever has not even knocked yet has not waited in vain.
          const queues = this.lives.some(({ over, line }) => !over && line?.waiting);
          if (why === 'silence' && queues && renewals > 0) {
            renewals -= 1;
            stop = watch();
            return;
          }
          this.#waiter = undefined;
          reject(new Stuck(queues ? 'noise' : why));
        });
      stop = watch();
      this.#waiter = () => {
        if (test()) {
          this.#waiter = undefined;
          stop();
          resolve();
        } else if (renewals > 0) {
          renewals -= 1;
          stop();
          stop = watch();
        }
      };
    });
  }

  /** Connections that may be written to. */
  get writable(): Live[] {
    return this.lives.filter((each) => each.writable);
  }

  #progress(): void {
    this.#waiter?.();
  }

  // What a client would remember for its return: the epoch of its join, the last seq it heard.
  #remember({ memory }: Participant, live: Live, { type, room, seq, data }: Message): void {
    if (room === undefined) return;
    if (type === 'ack' && typeof data.epoch === 'string' && live.rooms.has(room)) {
      const known = memory.get(room);
      if (known?.epoch !== data.epoch) memory.set(room, { epoch: data.epoch, seq: data.seq ?? 0 });
      return;
    }
    const known = memory.get(room);
    if (known && typeof seq === 'number') known.seq = Math.max(known.seq, seq);
  }
}
