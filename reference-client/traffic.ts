import type { Welcome } from '#schemas/types.js';
import { bound } from './backoff.js';
import type { End } from './closing.js';
import type { ClientEvents, Emitter } from './events.js';
import { encode, type Incoming, lengthOf } from './frames.js';
import type { Link } from './link.js';
import type { Parts } from './parts.js';
import { type Letter, type Queue, type Reader, refusalIn, type Unaccepted } from './queue.js';
import type { Rates } from './rates.js';
import { Recent } from './recent.js';
import { type Request, Requests, toldWait } from './requests.js';
import { answer, type JoinOutcome, type Room, type Rooms, type Sequenced } from './rooms.js';
import type { Clock } from './surroundings.js';
import type { Found } from './track.js';

/** What traffic needs around it. */
export interface TrafficContext {
  readonly clock: Clock;
  readonly random: () => number;
  readonly parts: Parts;
  readonly events: Emitter;
  readonly queueLimit: number;
  readonly nextId: () => string;
  /** A new token is wanted for the present connection. */
  readonly renew: () => void;
}

/** A message of the application. */
export interface Message {
  readonly type: string;
  readonly room?: string | undefined;
  readonly data?: object;
  readonly payload?: Uint8Array;
  /** Takes the message back while it has not been sent. */
  readonly signal?: AbortSignal | undefined;
}

// The server refused these without executing them, for a reason that passes.
const PASSING = ['rate_limited', 'backend_unavailable', 'internal_error'];
// What a server that remembers requests knows again.
const REPEATABLE = ['chat', 'direct', 'broadcast', 'binary'];
const LOST_ROOM = ['unauthorized', 'removed'];
const MOST_RECENT = 1_000;

/** What flows over the connections: rooms and messages outlive each of them, requests do not. */
export class Traffic {
  readonly #context: TrafficContext;
  readonly #rates: Rates;
  readonly #queue: Queue;
  readonly #rooms: Rooms;
  readonly #requests: Requests;
  /** The ids of events without a number. */
  readonly #recent = new Recent(MOST_RECENT);
  #link: Link | undefined;
  #order = 0;
  #cancel: () => void = () => undefined;

  constructor(context: TrafficContext) {
    const { parts, queueLimit } = context;
    this.#context = context;
    this.#rates = parts.rates();
    this.#queue = parts.queue(queueLimit);
    this.#rooms = parts.rooms();
    this.#requests = new Requests(this.#rates, context.clock, context.nextId);
  }

  /** Goes on over a connection that was welcomed. */
  begin(link: Link, welcome: Welcome): void {
    this.#link = link;
    this.#rates.announce(welcome.rates);
    this.flush();
  }

  /** Takes back what the end of a connection left without an answer. */
  ended({ code }: End): void {
    const welcome = this.#link?.welcome;
    this.#link = undefined;
    this.#cancel();
    this.#requests.clear();
    this.#rates.ended(this.#now);
    this.#rooms.ended();
    if (!welcome) return;
    const most = welcome.limits.max_message_bytes;
    const remembers = this.#context.parts.dedupWindow(welcome) > 0;
    this.#queue.ended((letter) => {
      // A server that closes for its size a message it said to take would do so for ever.
      if (code === 1009 && (letter.bytes > most || letter.suspect)) return { status: 'too_big' };
      letter.suspect ||= code === 1009;
      return remembers && REPEATABLE.includes(letter.type) ? undefined : { status: 'unknown' };
    });
  }

  /** Ends everything: what was sent is of unknown outcome, the rest is not sent. */
  stop(): void {
    this.#cancel();
    this.#link = undefined;
    this.#queue.stop();
    this.#rooms.stop();
  }

  join(name: string): Promise<JoinOutcome> {
    return new Promise((resolve) => {
      this.#rooms.want(name, resolve);
      this.flush();
    });
  }

  leave(name: string): void {
    this.#rooms.unwant(name);
    this.flush();
  }

  /** Queues a message, whose `ack` is read by `read`; throws `QueueFull`. */
  post<T>({ payload, signal, ...message }: Message, read: Reader<T>): Promise<T | Unaccepted> {
    if (signal?.aborted) return Promise.resolve({ status: 'not_sent' });
    const id = this.#context.nextId();
    const frame = encode({ ...message, id }, payload);
    let settle: (outcome: T | Unaccepted) => void = () => undefined;
    const outcome = new Promise<T | Unaccepted>((resolve) => {
      settle = resolve;
    });
    const letter: Letter = {
      id,
      type: message.type,
      room: message.room,
      frame,
      bytes: lengthOf(frame),
      order: this.#order++,
      sentAt: undefined,
      suspect: false,
      replied: (reply) => settle(refusalIn(reply) ?? read(reply.data)),
      settle,
    };
    this.#queue.add(letter);
    signal?.addEventListener('abort', () => this.#queue.withdraw(letter), { once: true });
    this.flush();
    return outcome;
  }

  /** Sends `typing` if it can go now; says whether it did. */
  typing(room: string, active: boolean): boolean {
    if (!this.#rooms.get(room)?.entered) return false;
    return this.#ask({ type: 'typing', room, data: { active } }) === 0;
  }

  /** Sends `ping`; says how long it has to wait. */
  ping(): number {
    return this.#ask({ type: 'ping' });
  }

  /** Sends a new token; `replied` hears the answer. */
  auth(token: string, replied: (reply: Incoming) => void): number {
    return this.#ask({ type: 'auth', data: { token } }, replied);
  }

  /** Takes a message of the server. */
  receive(message: Incoming): void {
    if (message.ref !== undefined) this.#answered(message.ref, message);
    else HANDLERS.get(message.type)?.(this, message);
    if (message.type.startsWith('x.')) this.#context.events.emit('custom', message);
    this.flush();
  }

  /** Sends what may go now, rooms before messages, and comes back when more may. */
  flush(): void {
    const link = this.#link;
    if (!link?.usable) return;
    this.#cancel();
    const rooms = this.#flushRooms();
    const wait = rooms.late ? rooms.wait : Math.min(rooms.wait, this.#flushQueue(link));
    if (wait < Number.POSITIVE_INFINITY)
      this.#cancel = this.#context.clock.after(wait, () => this.flush());
  }

  get #now(): number {
    return this.#context.clock.now();
  }

  #flushRooms(): { readonly wait: number; readonly late: boolean } {
    let soonest = Number.POSITIVE_INFINITY;
    let late = false;
    for (const room of this.#rooms.all) {
      let wait = Number.POSITIVE_INFINITY;
      if (room.state === 'due') {
        wait = room.notBefore - this.#now;
        if (wait <= 0) {
          wait = this.#enter(room);
          late ||= wait > 0 && !room.entered;
        }
      } else if (room.state === 'leaving' && !this.#queue.has(room.name)) {
        wait = this.#ask({ type: 'leave', room: room.name });
        if (wait === 0) this.#rooms.forget(room);
      }
      if (wait > 0) soonest = Math.min(soonest, wait);
    }
    return { wait: soonest, late };
  }

  #enter(room: Room): number {
    const { since } = room.track;
    const data = since && this.#resumes ? { data: { since } } : {};
    const wait = this.#ask({ type: 'join', room: room.name, ...data }, (reply) =>
      this.#entered(room, reply),
    );
    if (wait === 0) room.state = 'asked';
    return wait;
  }

  #flushQueue(link: Link): number {
    const welcome = link.welcome;
    if (!welcome) return Number.POSITIVE_INFINITY;
    this.#queue.forget(this.#now - this.#context.parts.dedupWindow(welcome));
    const closed = new Set(
      this.#rooms.all
        .filter(({ state, entered }) => state === 'due' && !entered)
        .map(({ name }) => name),
    );
    for (;;) {
      const letter = this.#queue.next(closed);
      if (!letter) return Number.POSITIVE_INFINITY;
      if (letter.bytes > welcome.limits.max_message_bytes) {
        this.#queue.drop(letter, { status: 'too_big' });
        continue;
      }
      const wait = this.#rates.wait(letter.type, letter.id, this.#now);
      if (wait > 0) return wait;
      this.#rates.sent(letter.type, letter.id);
      this.#queue.sent(letter, this.#now);
      link.send(letter.frame);
    }
  }

  /** Sends a request of this connection; says how long it has to wait, 0 when it was sent. */
  #ask(request: Request, replied?: (reply: Incoming) => void): number {
    const link = this.#link;
    return link?.usable ? this.#requests.ask(link, request, replied) : Number.POSITIVE_INFINITY;
  }

  #answered(ref: string, reply: Incoming): void {
    const code = reply.type === 'error' ? reply.data['code'] : undefined;
    const request = this.#requests.answered(ref);
    const letter = this.#queue.answered(ref);
    const type = request?.type ?? letter?.type;
    if (type === undefined) return;
    if (code === 'rate_limited') this.#rates.refused(type, ref, this.#now + toldWait(reply));
    else this.#rates.answered(ref, this.#now);
    if (code === 'shutting_down' && !this.#link?.notice) this.#link?.heed(reply.data);
    request?.replied(reply);
    // What was not executed goes again, on this connection or the next.
    if (code === 'rate_limited' || code === 'shutting_down') this.#again(letter);
    else letter?.replied(reply);
  }

  #again(letter: Letter | undefined): void {
    if (letter) this.#queue.again(letter);
  }

  #entered(room: Room, reply: Incoming): void {
    if (this.#rooms.get(room.name) !== room) return;
    if (reply.type === 'ack') this.#joined(room, reply);
    else if (room.state === 'leaving') this.#rooms.forget(room);
    else this.#refused(room, reply);
  }

  #refused(room: Room, { data }: Incoming): void {
    const code = String(data['code']);
    if (code === 'shutting_down') return;
    if (PASSING.includes(code)) {
      const told = Number(data['retry_after_ms'] ?? 0);
      room.notBefore = this.#now + (told || this.#context.random() * bound(room.refusals));
      room.refusals += 1;
      room.state = 'due';
    } else {
      this.#found(room, room.track.givenUp());
      this.#lose(room, code, String(data['message']));
    }
  }

  #joined(room: Room, { data }: Incoming): void {
    const { seq, epoch, recovered, members, count } = data;
    const standing = { seq: Number(seq ?? 0), epoch: String(epoch) };
    const known = typeof recovered === 'boolean' ? { ...standing, recovered } : standing;
    const found = room.track.joined(known);
    room.entered = true;
    room.refusals = 0;
    if (room.state === 'asked') {
      room.state = 'in';
      const who = Array.isArray(members) ? members.map(String) : [];
      room.joined = { status: 'joined', members: who, count: Number(count ?? who.length) };
      this.#context.events.emit('joined', { ...room.joined, room: room.name });
      answer(room, room.joined);
    }
    this.#found(room, found);
  }

  #lose(room: Room, code: string, message: string): void {
    this.#rooms.forget(room);
    this.#context.events.emit('refused', { room: room.name, code, message });
    answer(room, { status: 'refused', code, message });
  }

  get #resumes(): boolean {
    const welcome = this.#link?.welcome;
    return welcome !== undefined && this.#context.parts.resumes(welcome);
  }

  /** Takes an event with a place in a room. */
  sequenced(event: Incoming): void {
    const { room: name, seq } = event;
    const room = this.#rooms.get(name);
    if (!room || name === undefined || seq === undefined) return;
    if (event.type === 'binary' && !event.payload) return;
    this.#found(room, room.track.event({ ...event, room: name, seq }, this.#resumes));
  }

  /** Takes a `gap`. */
  gap({ room: name, data }: Incoming): void {
    const room = this.#rooms.get(name);
    const { from_seq, to_seq, epoch } = data;
    if (!room || typeof from_seq !== 'number' || typeof epoch !== 'string') return;
    const to = typeof to_seq === 'number' ? to_seq : null;
    this.#found(room, room.track.gap(from_seq, to, epoch, this.#resumes));
  }

  /** Takes an event without a number, once for each id. */
  unsequenced(event: Incoming): void {
    if (event.id === undefined || this.#recent.isNew(event.id)) this.tell(event);
  }

  /** Takes a `leave`: perhaps of this client, which did not ask. */
  left(event: Incoming): void {
    const room = this.#rooms.get(event.room);
    const { user, reason } = event.data;
    const own = user === this.#link?.welcome?.user && LOST_ROOM.includes(String(reason));
    if (room && own)
      this.#lose(room, String(reason), 'the server took this client out of the room');
    this.tell(event);
  }

  /** Takes an `error` that belongs to no request. */
  failed({ data }: Incoming): void {
    const { code, message } = data;
    this.#context.events.emit('error', { code: String(code), message: String(message) });
  }

  /** Takes the warning that the token expires. */
  expiring(): void {
    this.#context.renew();
  }

  /** Gives an event to the application, whose type is the name of the listeners. */
  tell(event: Incoming): void {
    this.#context.events.emit(event.type as Told, event as unknown as ClientEvents[Told]);
  }

  #found(room: Room, { give, missing, catchUp }: Found<Sequenced>): void {
    if (missing) this.#context.events.emit('missing', { ...missing, room: room.name });
    for (const event of give) this.tell(event);
    if (catchUp && room.state === 'in') room.state = 'due';
  }
}

type Told = 'chat' | 'binary' | 'join' | 'leave' | 'typing' | 'direct' | 'broadcast';

// What is done with a message that answers nothing; any other type is ignored.
const HANDLERS = new Map<string, (traffic: Traffic, message: Incoming) => void>([
  ['chat', (traffic, message) => traffic.sequenced(message)],
  ['binary', (traffic, message) => traffic.sequenced(message)],
  ['direct', (traffic, message) => traffic.unsequenced(message)],
  ['broadcast', (traffic, message) => traffic.unsequenced(message)],
  ['gap', (traffic, message) => traffic.gap(message)],
  ['join', (traffic, message) => traffic.tell(message)],
  ['leave', (traffic, message) => traffic.left(message)],
  ['typing', (traffic, message) => traffic.tell(message)],
  ['error', (traffic, message) => traffic.failed(message)],
  ['auth_expiring', (traffic) => traffic.expiring()],
]);
