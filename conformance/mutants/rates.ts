import type { Admission, Window } from '#server/broker/broker.js';
import type { Parts } from '#server/parts.js';
import type { Limiter } from '#server/rates.js';
import { type Mutant, mutant } from './mutant.js';
import { closing } from './rates.closing.js';
import { counting } from './rates.counting.js';
import { scopes } from './rates.scopes.js';
import { inRates, moved } from './tampering.js';

const ADMITTED: Admission = { admitted: true, retryAfterMs: 0 };
const refused = (retryAfterMs: number): Admission => ({
  admitted: false,
  retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)),
});

/** Another limiter in place of the sliding log. */
const limiter = (admit: (window: Window) => (now: number) => Admission) =>
  inRates(() => ({
    limiter: (window): Limiter => ({ admit: admit(window), idle: () => false }),
  }));

/** The right limiter with other numbers. */
const window = (change: (window: Window) => Window) =>
  inRates(({ limiter: right }) => ({ limiter: (announced) => right(change(announced)) }));

/** The right limiter with another word about when to come back. */
export const wait = (change: (ms: number, window: Window) => number) =>
  inRates(({ limiter: right }) => ({
    limiter(announced) {
      const log = right(announced);
      return {
        idle: (now) => log.idle(now),
        admit(now) {
          const { admitted, retryAfterMs } = log.admit(now);
          return admitted ? ADMITTED : refused(change(retryAfterMs, announced));
        },
      };
    },
  }));

const tokenBucket = ({ limit, window_ms }: Window) => {
  let tokens = limit;
  let last = Number.NEGATIVE_INFINITY;
  return (now: number): Admission => {
    tokens = Math.min(limit, tokens + ((now - last) * limit) / window_ms);
    last = now;
    if (tokens < 1) return refused(((1 - tokens) * window_ms) / limit);
    tokens -= 1;
    return ADMITTED;
  };
};

/** A window that begins where `begin` says, and forgets everything at its end. */
const fixedWindow =
  (begin: (now: number, window_ms: number) => number) =>
  ({ limit, window_ms }: Window) => {
    let start = Number.NEGATIVE_INFINITY;
    let count = 0;
    return (now: number): Admission => {
      if (now >= start + window_ms) {
        start = begin(now, window_ms);
        count = 0;
      }
      count += 1;
      if (count <= limit) return ADMITTED;
      return refused(start + window_ms - now);
    };
  };

/** The tutorial's log: what is refused is entered, too. */
const countsRefused = ({ limit, window_ms }: Window) => {
  let times: number[] = [];
  return (now: number): Admission => {
    times = times.filter((time) => time > now - window_ms);
    times.push(now);
    return times.length <= limit ? ADMITTED : refused((times.at(-limit) ?? now) + window_ms - now);
  };
};

const spaced = ({ limit, window_ms }: Window) => {
  let next = Number.NEGATIVE_INFINITY;
  return (now: number): Admission => {
    if (now < next) return refused(next - now);
    next = now + window_ms / limit;
    return ADMITTED;
  };
};

/** The welcome with other rates in it. */
const announces =
  (change: (rates: Rate[]) => Rate[]): Mutant['parts'] =>
  ({ handshake }) => ({
    handshake: {
      welcome(core, connection) {
        const data = handshake.welcome(core, connection);
        return { ...data, rates: change(data.rates) };
      },
    },
  });

type Rate = ReturnType<Parts['handshake']['welcome']>['rates'][number];

/** Faults of the chapter `rates`. */
export const rates: readonly Mutant[] = [
  mutant(
    'rates-messages-bucket',
    'chat-bucket-renamed',
    'The bucket that holds chat has a name of its own.',
    announces((all) =>
      all.map((rate) => ({
        ...rate,
        bucket: rate.bucket === 'messages' ? 'chatter' : rate.bucket,
      })),
    ),
  ),
  mutant(
    'rates-messages-bucket',
    'direct-in-no-bucket',
    'The bucket `messages` does not list direct.',
    announces((all) =>
      all.map((rate) => ({ ...rate, types: rate.types.filter((type) => type !== 'direct') })),
    ),
  ),
  mutant(
    'rates-one-bucket-per-type',
    'chat-in-two-buckets',
    'Two buckets list chat.',
    announces((all) =>
      all.map((rate) => ({ ...rate, types: [...new Set([...rate.types, 'chat'])] })),
    ),
  ),
  mutant(
    'rates-unlisted-unlimited',
    'hidden-limit-on-ping',
    'Ping is limited, and no bucket says so.',
    announces((all) =>
      all.map((rate) => ({ ...rate, types: rate.types.filter((type) => type !== 'ping') })),
    ),
  ),
  mutant(
    'rates-unlisted-unlimited',
    'unknown-types-limited',
    'Whatever no bucket lists is counted as a message, before anybody asks whether its type is known.',
    (parts) => ({
      rates: { bucket: (type, all) => parts.rates.bucket(type, all) ?? all[0] },
      ...moved('rate', 'type')(parts),
    }),
  ),
  mutant(
    'rates-burst-admitted',
    'limit-one-too-few',
    'One message less than announced is admitted.',
    window(({ limit, window_ms }) => ({ limit: limit - 1, window_ms })),
  ),
  mutant(
    'rates-burst-admitted',
    'messages-spaced',
    'Messages are admitted one every window ÷ limit.',
    limiter(spaced),
  ),
  mutant(
    'rates-over-refused',
    'limit-one-too-many',
    'One message more than announced is admitted.',
    window(({ limit, window_ms }) => ({ limit: limit + 1, window_ms })),
  ),
  mutant(
    'rates-over-refused',
    'limits-nobody',
    'Rates are announced and not enforced.',
    limiter(() => () => ADMITTED),
  ),
  mutant(
    'rates-over-refused',
    'refused-and-delivered',
    'A message over the limit is answered with rate_limited, and delivered all the same.',
    ({ gates, steps }) => ({
      gates: {
        rate(core, connection, incoming) {
          const effects = gates.rate(core, connection, incoming);
          const step = steps[incoming.request.type];
          if (effects !== null && step && incoming.request.type === 'chat')
            void step(core, connection, { ...incoming, once: null });
          return effects;
        },
      },
    }),
  ),
  mutant(
    'rates-refusal-members',
    'refusal-without-bucket',
    'The refusal does not say which bucket is full.',
    ({ errors }) => ({
      errors: {
        message: (core, request, code, text, { bucket: _, ...details }, at) =>
          errors.message(core, request, code, text, details, at),
      },
    }),
  ),
  mutant(
    'rates-refusal-members',
    'refusal-in-seconds',
    'The refusal says its wait in seconds, with a fraction.',
    ({ errors }) => ({
      errors: {
        message: (core, request, code, text, { retry_after_ms, ...details }, at) =>
          errors.message(
            core,
            request,
            code,
            text,
            retry_after_ms === undefined
              ? details
              : { ...details, retry_after_ms: retry_after_ms / 1_000 },
            at,
          ),
      },
    }),
  ),
  mutant(
    'rates-window-frees',
    'window-twice-as-long',
    'The window is twice as long as announced.',
    window(({ limit, window_ms }) => ({ limit, window_ms: window_ms * 2 })),
  ),
  mutant(
    'rates-window-frees',
    'all-or-nothing',
    'A full window has to empty before anything is admitted.',
    limiter(({ limit, window_ms }) => {
      let times: number[] = [];
      return (now) => {
        if (times.length >= limit && now < (times.at(-1) ?? 0) + window_ms)
          return refused((times.at(-1) ?? 0) + window_ms - now);
        if (times.length >= limit) times = [];
        times.push(now);
        return ADMITTED;
      };
    }),
  ),
  mutant(
    'rates-no-refill-within-window',
    'token-bucket',
    'A token bucket of the announced numbers stands in for the sliding log.',
    limiter(tokenBucket),
  ),
  mutant(
    'rates-no-refill-within-window',
    'window-a-third',
    'The window is a third of the announced one.',
    window(({ limit, window_ms }) => ({ limit, window_ms: window_ms / 3 })),
  ),
  mutant(
    'rates-no-fixed-window',
    'fixed-window',
    'A fixed window that begins with the first message stands in for the sliding log.',
    limiter(fixedWindow((now) => now)),
  ),
  mutant(
    'rates-no-fixed-window',
    'fixed-window-on-the-clock',
    'A fixed window on the boundaries of the clock stands in for the sliding log.',
    limiter(fixedWindow((now, span) => now - (now % span))),
  ),
  mutant(
    'rates-refused-not-counted',
    'refused-messages-counted',
    'What is refused moves the end of the wait away.',
    limiter(countsRefused),
  ),
  mutant(
    'rates-retry-after-enough',
    'retry-after-halved',
    'retry_after_ms is half of what it takes.',
    wait((ms) => ms / 2),
  ),
  mutant(
    'rates-retry-after-tight',
    'retry-after-ten-windows',
    'retry_after_ms is always ten whole windows.',
    wait((_, { window_ms }) => window_ms * 10),
  ),
  mutant(
    'rates-retry-after-tight',
    'retry-after-whole-window',
    'retry_after_ms is always the whole window.',
    wait((_, { window_ms }) => window_ms),
  ),
  mutant(
    'rates-retry-after-tight',
    'retry-after-padded',
    'retry_after_ms has a window on top, to be safe.',
    wait((ms, { window_ms }) => ms + window_ms),
  ),
  mutant(
    'rates-over-refused',
    'members-counted-apart',
    'A members request counts in a log of its own.',
    ({ rates: right }) => {
      const apart = new WeakSet<object>();
      return {
        rates: {
          bucket(type, all) {
            const rate = right.bucket(type, all);
            if (!rate || type !== 'members') return rate;
            const own = { ...rate };
            apart.add(own);
            return own;
          },
          sharedKey: (rate, connection) =>
            `${right.sharedKey(rate, connection)}${apart.has(rate) ? ':members' : ''}`,
        },
      };
    },
  ),
  ...counting,
  ...scopes,
  ...closing,
];
