import type { Frame, Incoming } from './frames.js';

/** Why a message was not accepted, as far as is known. */
export type Unaccepted =
  /** The server's answer was an `error`; `code` and `message` are the server's. */
  | { readonly status: 'refused'; readonly code: string; readonly message: string }
  /** It is longer than the server takes. */
  | { readonly status: 'too_big' }
  /** It was sent, no reply came, and it is not sent again: it may have been accepted or not. */
  | { readonly status: 'unknown' }
  /** It was never sent: the application took it back, or the client has stopped. */
  | { readonly status: 'not_sent' };

/** What became of a message. */
export type Outcome =
  | { readonly status: 'accepted'; readonly id: string; readonly seq?: number }
  | Unaccepted;

/** Who is in a room; `truncated` where `members` are not all of the `count`. */
export type MembersOutcome =
  | {
      readonly status: 'listed';
      readonly members: readonly string[];
      readonly count: number;
      readonly truncated: boolean;
    }
  | Unaccepted;

/** What became of a message of the application's own types; `data` is what the server's `ack` says. */
export type CustomOutcome =
  | { readonly status: 'accepted'; readonly data: Readonly<Record<string, unknown>> }
  | Unaccepted;

/** A message of the application on its way. */
export interface Letter {
  readonly id: string;
  readonly type: string;
  readonly room: string | undefined;
  readonly frame: Frame;
  /** Length on the wire. */
  readonly bytes: number;
  /** Place among all messages of the application. */
  readonly order: number;
  /** When it was first sent and perhaps accepted, in milliseconds. */
  sentAt: number | undefined;
  /** A connection was closed with 1009 while it had no reply. */
  suspect: boolean;
  /** Takes the reply to it. */
  readonly replied: (reply: Incoming) => void;
  /** Ends it without a reply. */
  readonly settle: (outcome: Unaccepted) => void;
}

/** Thrown when a message is not taken because the queue is full. */
export class QueueFull extends Error {
  constructor(limit: number) {
    super(`expected at most ${limit} messages in the queue of the client, got one more`);
    this.name = 'QueueFull';
  }
}

/** The messages that wait, and those that were sent and have no answer. */
export class Queue {
  readonly #limit: number;
  readonly #waiting: Letter[] = [];
  readonly #unanswered = new Map<string, Letter>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many messages are held. */
  get size(): number {
    return this.#waiting.length + this.#unanswered.size;
  }

  /** Takes a message, or throws `QueueFull`. */
  add(letter: Letter): void {
    if (this.size >= this.#limit) throw new QueueFull(this.#limit);
    this.#waiting.push(letter);
  }

  /** The first message that waits and is not for one of these rooms. */
  next(except: ReadonlySet<string>): Letter | undefined {
    return this.#waiting.find(({ room }) => room === undefined || !except.has(room));
  }

  /** Whether a message to a room waits. */
  has(room: string): boolean {
    return this.#waiting.some((letter) => letter.room === room);
  }

  /** Notes that a message was sent. */
  sent(letter: Letter, now: number): void {
    this.#remove(letter);
    letter.sentAt ??= now;
    this.#unanswered.set(letter.id, letter);
  }

  /** The message that a reply belongs to; it is held no longer. */
  answered(id: string): Letter | undefined {
    const letter = this.#unanswered.get(id);
    this.#unanswered.delete(id);
    return letter;
  }

  /** Puts a message back in its place that the server refused without executing it. */
  again(letter: Letter): void {
    letter.sentAt = undefined;
    this.#insert(letter);
  }

  /** Settles a message that waits, and holds it no longer. */
  drop(letter: Letter, outcome: Unaccepted): void {
    if (this.#remove(letter)) letter.settle(outcome);
  }

  /** Takes back a message that waits and cannot have been accepted yet. */
  withdraw(letter: Letter): void {
    if (letter.sentAt === undefined) this.drop(letter, { status: 'not_sent' });
  }

  /** At the end of a connection: what has no answer waits again, in its old place; or is settled, where `fate` says how. */
  ended(fate: (letter: Letter) => Unaccepted | undefined): void {
    for (const letter of this.#unanswered.values()) {
      const outcome = fate(letter);
      if (outcome) letter.settle(outcome);
      else this.#insert(letter);
    }
    this.#unanswered.clear();
  }

  /** Reports as unknown what was sent no later than a time, in milliseconds, and waits to be sent again. */
  forget(sentBy: number): void {
    for (const letter of [...this.#waiting])
      if (letter.sentAt !== undefined && letter.sentAt <= sentBy)
        this.drop(letter, { status: 'unknown' });
  }

  /** Settles all that is held: nothing is sent any more. */
  stop(): void {
    this.ended(() => ({ status: 'unknown' }));
    this.forget(Number.POSITIVE_INFINITY);
    for (const letter of [...this.#waiting]) this.withdraw(letter);
  }

  #remove(letter: Letter): boolean {
    const at = this.#waiting.indexOf(letter);
    if (at >= 0) this.#waiting.splice(at, 1);
    return at >= 0;
  }

  #insert(letter: Letter): void {
    const at = this.#waiting.findIndex(({ order }) => order > letter.order);
    this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, letter);
  }
}

/** Reads an `ack`. */
export type Reader<T> = (data: Incoming['data']) => T;

/** The event that a message became. */
export const eventOf: Reader<Outcome> = ({ id, seq }) => ({
  status: 'accepted',
  id: String(id),
  ...(typeof seq === 'number' && { seq }),
});

/** Who is in the room. */
export const membersOf: Reader<MembersOutcome> = ({ members, count, truncated }) => {
  const listed = Array.isArray(members) ? members.map(String) : [];
  return {
    status: 'listed',
    members: listed,
    count: Number(count ?? listed.length),
    truncated: truncated === true,
  };
};

/** What the application documents. */
export const dataOf: Reader<CustomOutcome> = (data) => ({ status: 'accepted', data });

/** Why a message was refused; undefined for a reply that is no refusal. */
export function refusalIn({ type, data }: Incoming): Unaccepted | undefined {
  if (type !== 'error') return undefined;
  return { status: 'refused', code: String(data['code']), message: String(data['message']) };
}
