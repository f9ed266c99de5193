import { describe, type Message, matches, type Received } from './message.js';

/** What to look for in a message: members that it has to have, or a function that decides. */
export type Match = Readonly<Record<string, unknown>> | ((message: Message) => boolean);

/** A message and its place among all, from 1. */
interface Unconsumed {
  message: Message;
  place: number;
}

/** Everything one connection received, in order, and what of it no check has asked for yet. */
export class Inbox {
  /** Every message, consumed or not, in order of arrival. */
  readonly all: Received[] = [];
  readonly #pending: Unconsumed[] = [];
  readonly #ignored: ((message: Message) => boolean)[] = [];

  /** Adds a message, unless one like it was to be ignored: then it counts as consumed. */
  add(received: Received): void {
    this.all.push(received);
    const index = this.#ignored.findIndex((each) => each(received.message));
    if (index < 0) this.#pending.push({ message: received.message, place: this.all.length });
    else this.#ignored.splice(index, 1);
  }

  /** Lets go of all but the first messages. */
  keepFirst(count: number): void {
    this.all.splice(count);
    this.noted.splice(count);
    const later = this.#pending.findIndex(({ place }) => place > count);
    if (later >= 0) this.#pending.splice(later);
  }

  /** Messages that no check asks for: those that only fence. */
  readonly noted: Message[] = [];

  /** Adds a message that no check is to ask for. */
  note(received: Received): void {
    this.all.push(received);
    this.noted.push(received.message);
  }

  /** Consumes the next message like this, also one that is still to come. */
  ignoreOne(matching: (message: Message) => boolean): void {
    const index = this.#pending.findIndex(({ message }) => matching(message));
    if (index < 0) this.#ignored.push(matching);
    else this.#pending.splice(index, 1);
  }

  /** A function that takes the first unconsumed message like this; asked again, it looks at new ones only. */
  taker(matching: (message: Message) => boolean): () => Message | undefined {
    let seen = 0;
    return () => {
      let index = this.#pending.length;
      while (index > 0 && (this.#pending[index - 1]?.place ?? 0) > seen) index -= 1;
      seen = this.all.length;
      for (; index < this.#pending.length; index += 1) {
        const found = this.#pending[index]?.message;
        if (!found || !matching(found)) continue;
        this.#pending.splice(index, 1);
        return found;
      }
      return undefined;
    };
  }

  /** Unconsumed messages, in order. */
  pending(): Message[] {
    return this.#pending.map(({ message }) => message);
  }

  /** What is unconsumed, in words. */
  summary(): string {
    const waiting = this.pending();
    if (waiting.length === 0) return 'nothing else';
    const shown = waiting.slice(0, 8).map(describe).join('; ');
    return waiting.length > 8 ? `${shown}; and ${waiting.length - 8} more` : shown;
  }
}

/** Turns a type and a match into one predicate; type `*` is any. */
export function predicate(type: string, match: Match = {}): (message: Message) => boolean {
  const fits = typeof match === 'function' ? match : (message: Message) => matches(message, match);
  return (message) => (type === '*' || message.type === type) && fits(message);
}

/** A match in words, for failure texts. */
export function wording(type: string, match: Match = {}): string {
  const name = type === '*' ? 'a message' : `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;
  if (typeof match === 'function' || Object.keys(match).length === 0) return name;
  return `${name} with ${JSON.stringify(match)}`;
}
