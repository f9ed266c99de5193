import type { Admission, Window } from '#server/broker/broker.js';
import { after } from '#server/maybe.js';
import type { Parts } from '#server/parts.js';
import type { Limiter } from '#server/rates.js';
import type { Connection } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';

type Rates = Parts['rates'];

const ADMITTED: Admission = { admitted: true, retryAfterMs: 0 };
const refused = (retryAfterMs: number): Admission => ({
  admitted: false,
  retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)),
});

const wrong =
  (change: (right: Rates) => Partial<Rates>): Mutant['parts'] =>
  ({ rates }) => ({ rates: change(rates) });

/** Another limiter in place of the sliding log. */
const limiter = (admit: (window: Window) => (now: number) => Admission) =>
  wrong(() => ({
    limiter: (window): Limiter => ({ admit: admit(window), idle: () => false }),
  }));

/** The right limiter with other numbers. */
const window = (change: (window: Window) => Window) =>
  wrong(({ limiter: right }) => ({ limiter: (announced) => right(change(announced)) }));

/** The right limiter with another word about when to come back. */
const wait = (change: (ms: number, window: Window) => number) =>
  wrong(({ limiter: right }) => ({
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

/** A user's log is dropped with a connection that ends; `ends` is told how many the user had, and decides. */
const dropping =
  (ends: (connections: number) => boolean): Mutant['parts'] =>
  ({ rates: right }) => {
    const visits = new Map<string, number>();
    return {
      rates: {
        sharedKey(rate, connection) {
          const { user } = connection.grant;
          return `${right.sharedKey(rate, connection)}:${visits.get(user) ?? 0}`;
        },
      },
      logs: {
        disconnect(core, connection, closing) {
          const { user } = connection.grant;
          if (ends(core.users.get(user)?.size ?? 0)) visits.set(user, (visits.get(user) ?? 0) + 1);
          return { event: 'websocket_disconnect', ...closing };
        },
      },
    };
  };

/** A user's log that is not full is taken for one that nobody needs any more, once the last connection has ended. */
const droppingPart: Mutant['parts'] = (right) => {
  const admitted = new Map<string, number[]>();
  const { logs, ...parts } = dropping((connections) => connections <= 1)(right);
  const disconnect = logs?.disconnect ?? right.logs.disconnect;
  return {
    ...parts,
    gates: {
      rate(core, connection, incoming) {
        const effects = right.gates.rate(core, connection, incoming);
        const { user } = connection.grant;
        if (effects === null)
          admitted.set(user, [...(admitted.get(user) ?? []), incoming.at.steady]);
        return effects;
      },
    },
    logs: {
      disconnect(core, connection, closing) {
        const [rate] = core.config.rates;
        const since = core.now().steady - (rate?.window_ms ?? 0);
        const recent = admitted.get(connection.grant.user)?.filter((time) => time > since);
        return (recent?.length ?? 0) < (rate?.limit ?? 0)
          ? disconnect(core, connection, closing)
          : right.logs.disconnect(core, connection, closing);
      },
    },
  };
};

/** A type that is judged before it is counted: what the gates refuse costs nothing. */
const judgedFirst =
  (type: string, ...judges: readonly ('permission' | 'room')[]): Mutant['parts'] =>
  ({ gates }) => ({
    gates: {
      rate(core, connection, incoming) {
        for (const judge of incoming.request.type === type ? judges : []) {
          const effects = gates[judge](core, connection, incoming);
          if (effects !== null) return effects;
        }
        return gates.rate(core, connection, incoming);
      },
    },
  });

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

/** A gate moved to just before another. */
const moved =
  (gate: Parts['precedence'][number], before: Parts['precedence'][number]): Mutant['parts'] =>
  ({ precedence }) => {
    const rest = precedence.filter((each) => each !== gate);
    const at = rest.indexOf(before);
    return { precedence: [...rest.slice(0, at), gate, ...rest.slice(at)] };
  };

const closes = (after: (closeAfter: number) => number) =>
  wrong(({ closes: right }) => ({
    closes: (connection, rate, now) =>
      right(connection, { ...rate, close_after: after(rate.close_after) }, now),
  }));

/** The error is right, and the reason of the close says another wait. */
const reasonWaits =
  (change: (ms: number) => number): Mutant['parts'] =>
  ({ gates }) => ({
    gates: {
      rate: (core, connection, incoming) =>
        after(gates.rate(core, connection, incoming), (effects) =>
          effects === null
            ? null
            : effects.map((effect) => {
                if (effect.do !== 'close') return effect;
                const { code, reason } = effect.closing;
                const told = reason.replace(/\d+$/, (ms) => String(change(Number(ms))));
                return { do: 'close' as const, closing: { code, reason: told } };
              }),
        ),
    },
  });

const THREE = { env: { PARLOR_MESSAGES_CLOSE_AFTER: '3' } } as const;

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
    'rates-malformed-not-counted',
    'malformed-messages-counted',
    'Messages are counted before they are judged.',
    moved('rate', 'payload'),
  ),
  mutant(
    'rates-malformed-not-counted',
    'malformed-binary-counted',
    'A binary message is counted before its header is read.',
    ({ gates }) => ({
      gates: {
        json(core, connection, incoming) {
          const effects = gates.json(core, connection, incoming);
          if (!incoming.binary || effects === null) return effects;
          const counted = { ...incoming, request: { ...incoming.request, type: 'binary' } };
          return after(gates.rate(core, connection, counted), (over) => over ?? effects);
        },
        payload(core, connection, incoming) {
          const effects = gates.payload(core, connection, incoming);
          if (!incoming.binary || effects === null) return effects;
          return after(gates.rate(core, connection, incoming), (over) => over ?? effects);
        },
      },
    }),
  ),
  mutant(
    'rates-denied-counted',
    'denied-broadcasts-free',
    'A broadcast is counted once its scope was looked at.',
    judgedFirst('broadcast', 'permission'),
  ),
  mutant(
    'rates-denied-counted',
    'denied-joins-free',
    'A join is counted once there is room for it.',
    judgedFirst('join', 'room'),
  ),
  mutant(
    'rates-denied-counted',
    'vain-directs-free',
    'A direct message is counted once its recipient is found.',
    ({ gates }) => ({
      gates: {
        rate(core, connection, incoming) {
          const { type, data } = incoming.request;
          if (type === 'direct' && !core.users.has(String(data['to']))) return null;
          return gates.rate(core, connection, incoming);
        },
      },
    }),
  ),
  mutant(
    'rates-denied-counted',
    'denied-messages-free',
    'Membership and authorization are judged before the message is counted.',
    ({ precedence }) => ({
      precedence: [...precedence.filter((each) => each !== 'rate'), 'rate'],
    }),
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
    'rates-buckets-apart',
    'one-bucket-for-all',
    'All types share one window.',
    wrong(() => ({ bucket: (_type, all) => all[0] })),
  ),
  mutant(
    'rates-user-scope-shared',
    'limiter-per-connection',
    'The limiter is keyed by the connection where the user is announced.',
    wrong(() => ({ sharedKey: () => null })),
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
  mutant(
    'rates-user-scope-shared',
    'log-dropped-with-any-connection',
    "A user's log goes with each connection that ends.",
    dropping(() => true),
  ),
  mutant(
    'rates-user-scope-survives-reconnect',
    'log-dropped-with-last-connection',
    "A user's log goes with the last connection.",
    dropping((connections) => connections <= 1),
  ),
  mutant(
    'rates-user-scope-survives-reconnect',
    'log-dropped-unless-full',
    "A user's log that is not full goes with the last connection.",
    droppingPart,
  ),
  mutant(
    'rates-users-apart',
    'one-window-for-everybody',
    'All users share one window.',
    wrong(() => ({ sharedKey: ({ bucket }) => bucket })),
  ),
  mutant(
    'rates-users-apart',
    'user-key-without-case',
    'Users whose names differ only in case share one window.',
    wrong(({ sharedKey }) => ({
      sharedKey: (rate, connection) => sharedKey(rate, connection)?.toLowerCase() ?? null,
    })),
  ),
  mutant(
    'rates-connection-scope-apart',
    'connection-scope-per-user',
    'The bucket of scope connection is keyed by the user.',
    wrong(() => ({ sharedKey: ({ bucket }, { grant }) => `${bucket}:${grant.user}` })),
  ),
  mutant(
    'rates-close-after-reached',
    'close-after-ignored',
    'close_after is announced and never acted on.',
    closes(() => 0),
    THREE,
  ),
  mutant(
    'rates-close-after-reached',
    'close-after-one-late',
    'The connection is closed one refusal too late.',
    closes((n) => n + 1),
    THREE,
  ),
  mutant(
    'rates-close-after-not-before',
    'close-after-one-early',
    'The connection is closed one refusal too early.',
    closes((n) => n - 1),
    THREE,
  ),
  mutant(
    'rates-close-after-not-before',
    'refusals-of-a-user-together',
    "The refusals on all of a user's connections are counted together.",
    wrong(({ closes: right }) => {
      const firsts = new Map<string, Connection>();
      return {
        closes(connection, rate, now) {
          const { user } = connection.grant;
          const first = firsts.get(user) ?? connection;
          firsts.set(user, first);
          return right(first, rate, now);
        },
      };
    }),
    THREE,
  ),
  mutant(
    'rates-close-after-not-before',
    'refusals-for-life',
    'Refusals are counted for the whole life of the connection.',
    wrong(({ closes: right }) => ({
      closes: (connection, rate, now) =>
        right(connection, { ...rate, window_ms: Number.MAX_SAFE_INTEGER }, now),
    })),
    THREE,
  ),
  mutant(
    'rates-close-after-reached',
    'close-waits-in-seconds',
    'The reason of the close says the wait in seconds, and the error in milliseconds.',
    reasonWaits((ms) => Math.ceil(ms / 1_000)),
    THREE,
  ),
  mutant(
    'rates-close-after-reached',
    'close-waits-a-window',
    'The reason of the close says a whole window in place of what is left of it.',
    reasonWaits(() => 60_000),
    THREE,
  ),
  mutant(
    'rates-close-after-zero',
    'closes-at-first-refusal',
    'A refusal closes the connection although close_after is 0.',
    closes(() => 5),
  ),
];
