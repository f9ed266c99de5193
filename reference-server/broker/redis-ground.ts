import type { Parts } from '../parts.js';
import type { Listener } from './broker.js';
import type { FeedKeys, Keys } from './redis-keys.js';
import type { RedisLink, Word } from './redis-link.js';

/** What the parts of a broker over Redis share. */
export interface Ground {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly parts: Parts;
  readonly listener: Listener;
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
  /** How long a feed's log is kept after its last message, in milliseconds. */
  readonly keepMs: number;
  /** How many users a snapshot of a room lists at most. */
  readonly mostListed: number;
  /** How many messages of a room are kept. */
  readonly most: number;
}

/** The keys of a feed, in the order in which every script has them first. */
export function feedKeys({ meta, log, moves }: FeedKeys): [string, string, string] {
  return [meta, log, moves];
}

/** The arguments that every script of a feed has first. */
export function feedWords({ link, keepMs }: Ground): [Word, Word, Word] {
  return [link.run, link.nonce, keepMs];
}

/** Does something for each, so many at a time. */
export async function each<T>(
  these: Iterable<T>,
  work: (one: T) => Promise<unknown>,
  atATime = 200,
): Promise<void> {
  const queue = [...these];
  for (let from = 0; from < queue.length; from += atATime)
    await Promise.all(queue.slice(from, from + atATime).map(work));
}
