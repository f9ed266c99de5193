import { type Client, courseOf } from './course.js';
import type { FrameFault } from './faults.js';
import type { RuleId } from './requirements.js';
import { endings } from './signs.closes.js';
import { deliveries } from './signs.deliveries.js';
import { presence } from './signs.presence.js';
import { admissions } from './signs.rates.js';
import { replies } from './signs.replies.js';
import { snapshots } from './signs.snapshots.js';
import type { Rate } from './welcome.js';

/** A rule that the messages of a check break beside the one that it asks about, as far as its clients can know. */
export interface Sign {
  rule: RuleId;
  /** What breaks it, in words. */
  told: string;
  /** A word that a failure has to use for this to explain it, where the rule's own would be too common. */
  word?: string | undefined;
  /** What of several things it is that the rule speaks of, such as the type of an event. */
  kind?: string | undefined;
}

/** What a check's clients have seen, and what is known of their server. */
export interface Scene {
  clients: readonly Client[];
  rates: readonly Rate[];
  /** What single frames broke. */
  findings: Iterable<FrameFault>;
}

// Beyond so many connections it takes long to compare them, and explains little.
const CROWD = 100;

/** What the clients of a check saw that breaks a rule: of each rule the first sign only. */
export function signsOf({ clients, rates, findings }: Scene): Sign[] {
  const course = courseOf(clients, rates);
  const first = new Map<string, Sign>();
  const take = (signs: Iterable<Sign>) => {
    for (const sign of signs) {
      const key = JSON.stringify([sign.rule, sign.word, sign.kind]);
      if (!first.has(key)) first.set(key, sign);
    }
  };
  take(
    [...findings].map(({ rule, actual }) => {
      const word = member(actual);
      return { rule, told: actual, word, kind: word };
    }),
  );
  const crowded = clients.length > CROWD;
  const looks = [
    replies,
    endings,
    admissions,
    ...(crowded ? [] : [snapshots, presence, deliveries]),
  ];
  for (const look of looks) take(look(course));
  return [...first.values()];
}

// The member that a message lacks, or has too much or wrong: `/data/seq is missing`.
function member(fault: string): string | undefined {
  return /^(?:\/\w+)*\/(\w+) /.exec(fault)?.[1];
}
