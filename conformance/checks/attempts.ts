import type { Data, Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Rate } from '#conformance/harness/welcome.js';

/** One message that a bucket decided on; times in milliseconds of our own clock. */
export interface Attempt {
  /** Taken before it was sent: the server decided no earlier. */
  sent: number;
  /** Taken when the reply was there: the server decided no later. */
  replied: number;
  admitted: boolean;
  reply: Message;
}

/** What a series of attempts has to come to. */
export interface Wanted {
  /** What the last attempt has to be, by the log and for sure; undecided is inconclusive. */
  lastIs?: 'admitted' | 'refused';
  /** Some of them have to have been refused, or the check says nothing. */
  refusals?: true;
  hint?: string | undefined;
}

/** As many messages as a check sends to fill a bucket. */
export const MOST = 2_000;

/** A window that is over sooner may be over before a burst has been answered. */
const SHORTEST_MS = 200;

/** Why a bucket cannot be filled, in words; undefined where it can. */
export function unfillable({ limit, window_ms }: Rate): string | undefined {
  if (limit > MOST) return `${limit} messages a window are more than the suite sends`;
  return window_ms < SHORTEST_MS
    ? `a window of ${window_ms} ms is over before it can be filled`
    : undefined;
}

/** The bucket of messages. @throws NotExercised where it cannot be filled */
export function messagesRate(t: Stage): Rate {
  const rate = t.rate('messages');
  const reason = unfillable(rate);
  return reason === undefined ? rate : t.notExercised(reason);
}

/**
 * Runs what a bucket refuses only where all of it is decided within one window. A server that takes longer may admit
 * it all, and is asked once more, as a busy machine may have been the cause.
 *
 * @throws NotExercised where the server takes as long again
 */
export async function inWindow(
  t: Stage,
  peer: Peer,
  { window_ms }: Rate,
  run: () => Promise<unknown>,
): Promise<void> {
  const begun = performance.now();
  const found = await t.finds(run);
  if (!found) return;
  const answers = peer.log.filter(
    ({ message: { ref, from } }) => ref !== undefined || from === peer.user,
  );
  const took = (answers.at(-1)?.at ?? begun) - begun;
  if (took <= window_ms) throw found;
  t.tooLate(
    `the server took ${Math.round(took)} ms for a burst, longer than its window of ${window_ms} ms`,
  );
}

// So many times are told, of those that were admitted.
const SHOWN = 12;

// A server may count whole milliseconds, and its clock is not ours.
const SLACK_MS = 5;

/**
 * Messages of one bucket and key, and the judge of them. Between sending and reply the server decides at a moment that
 * nobody sees; an answer is wrong only when it is wrong for every such moment.
 */
export class Attempts {
  readonly rate: Rate;
  readonly #stage: Stage;
  readonly #ask: () => Promise<Message>;
  readonly #counts: string | undefined;
  readonly #all: Attempt[];

  /** `counts`: the error code of a message that is admitted, and then denied for another reason. */
  constructor(
    stage: Stage,
    rate: Rate,
    ask: () => Promise<Message>,
    counts?: string,
    all: Attempt[] = [],
  ) {
    this.#stage = stage;
    this.rate = rate;
    this.#ask = ask;
    this.#counts = counts;
    this.#all = all;
  }

  /** The same log, fed by other requests. */
  goOn(ask: () => Promise<Message>): Attempts {
    return new Attempts(this.#stage, this.rate, ask, undefined, this.#all);
  }

  /** Sends so many at once, and waits for the replies. */
  async burst(count: number): Promise<void> {
    await Promise.all(
      Array.from({ length: count }, async () => {
        const attempt = {
          sent: performance.now(),
          replied: Number.POSITIVE_INFINITY,
          admitted: false,
        };
        const index =
          this.#all.push({
            ...attempt,
            reply: { type: '', timestamp: '', data: {} } as unknown as Message,
          }) - 1;
        const reply = await this.#ask();
        this.#all[index] = {
          sent: attempt.sent,
          replied: performance.now(),
          admitted: this.#admitted(reply),
          reply,
        };
      }),
    );
  }

  /** How many were admitted. */
  get admitted(): number {
    return this.#all.filter(({ admitted }) => admitted).length;
  }

  /** How many were admitted that the log refuses, whatever the moments. */
  get surplus(): number {
    return this.#all.filter(
      ({ admitted }, index) => admitted && this.#within(index).surely >= this.rate.limit,
    ).length;
  }

  /** The last attempt. */
  get last(): Attempt {
    const last = this.#all.at(-1);
    if (!last) throw new Error('nothing was tried yet');
    return last;
  }

  /** The `data` of the last attempt, which has to have been refused. */
  refusal(): Data {
    const { admitted, reply } = this.last;
    if (admitted && this.#within(this.#all.length - 1).surely < this.rate.limit)
      this.#stage.inconclusive(
        'the machine was too slow: the probe came so late that the log admits it',
      );
    this.#stage.assert(!admitted, {
      expected: `rate_limited: ${this.rate.limit} messages were admitted within the last ${this.rate.window_ms} ms`,
      actual: 'the message was admitted',
    });
    return reply.data;
  }

  /** Waits until nothing that was admitted lies in the window. */
  async untilFree(): Promise<void> {
    const newest = Math.max(
      ...this.#all.filter(({ admitted }) => admitted).map(({ replied }) => replied),
    );
    await this.#until(newest);
  }

  /** Waits until the oldest so many of the admitted have left the window. */
  async untilOldestFree(count = 1): Promise<void> {
    await this.#until(this.#all.filter(({ admitted }) => admitted)[count - 1]?.replied ?? 0);
  }

  /** Holds every attempt against the sliding log. */
  judge({ lastIs, refusals, hint }: Wanted = {}): void {
    const { limit, window_ms } = this.rate;
    let undecided = 0;
    for (const [index, attempt] of this.#all.entries()) {
      const { surely, possibly } = this.#within(index);
      const says = possibly < limit ? 'admitted' : surely >= limit ? 'refused' : undefined;
      const did = attempt.admitted ? 'admitted' : 'refused';
      if (says === undefined && lastIs && index === this.#all.length - 1) undecided += 1;
      if (says === undefined || says === did) continue;
      this.#stage.fail({
        expected: `message ${index + 1} is ${says}: ${says === 'refused' ? `at least ${surely}` : `at most ${possibly}`} of the ${limit} that a window of ${window_ms} ms may hold were admitted in the ${window_ms} ms before it`,
        actual: `it is ${did}${attempt.reply.type === 'error' ? ` (${attempt.reply.data.code})` : ''}; admitted so far, in ms before it: ${this.#ages(index)}`,
        hint,
      });
    }
    if (refusals && this.#all.every(({ admitted }) => admitted)) undecided += 1;
    if (undecided > 0 || (lastIs && (this.last.admitted ? 'admitted' : 'refused') !== lastIs))
      this.#stage.inconclusive(
        'the machine was too slow: the probe came so late that the log allows both answers',
      );
  }

  // How many admitted messages lie in the window before an attempt: whatever the moments, and for some moments.
  #within(index: number): { surely: number; possibly: number } {
    const attempt = this.#all[index];
    if (!attempt) return { surely: 0, possibly: 0 };
    const earlier = this.#all.slice(0, index).filter(({ admitted }) => admitted);
    const { window_ms } = this.rate;
    return {
      surely: earlier.filter(({ sent }) => sent > attempt.replied - window_ms + SLACK_MS).length,
      possibly: earlier.filter(({ replied }) => replied > attempt.sent - window_ms - SLACK_MS)
        .length,
    };
  }

  #ages(index: number): string {
    const at = this.#all[index]?.sent ?? 0;
    const ages = this.#all
      .slice(0, index)
      .filter(({ admitted }) => admitted)
      .map(({ sent }) => Math.round(at - sent));
    if (ages.length === 0) return 'none';
    const shown = ages.slice(0, SHOWN).join(', ');
    return ages.length > SHOWN ? `${shown} and ${ages.length - SHOWN} more` : shown;
  }

  async #until(moment: number): Promise<void> {
    const left = moment + this.rate.window_ms + 2 * SLACK_MS - performance.now();
    if (left > 0) await this.#stage.pause(left);
  }

  #admitted(reply: Message): boolean {
    if (reply.type !== 'error') return true;
    if (reply.data.code === 'rate_limited') return false;
    if (reply.data.code === this.#counts) return true;
    return this.#stage.fail({
      expected: `an ack${this.#counts ? `, the error ${this.#counts}` : ''} or the error rate_limited`,
      actual: `the error ${reply.data.code}: ${reply.data.message}`,
    });
  }
}
