import { after } from '#server/maybe.js';
import { type Mutant, mutant } from './mutant.js';
import { wait } from './rates.js';
import { inRates, tampered } from './tampering.js';

const uncounted = (free: string) =>
  inRates((right) => ({
    bucket: (type, rates) => (type === free ? undefined : right.bucket(type, rates)),
  }));

/** Faults that only other buckets and types than those of chats show. */
export const control: Mutant[] = [
  ...['leave', 'typing', 'auth', 'direct'].map((type) =>
    mutant(
      'rates-over-refused',
      `${type} is free`,
      `\`${type}\` is not counted, although a bucket lists it.`,
      uncounted(type),
    ),
  ),

  mutant(
    'rates-over-refused',
    'dropped without an id',
    'What has no `id` is dropped over the rate, and nothing says so.',
    ({ gates }) => ({
      gates: {
        rate: (core, connection, incoming) =>
          after(gates.rate(core, connection, incoming), (effects) =>
            effects !== null && incoming.request.id === undefined ? [] : effects,
          ),
      },
    }),
  ),

  ...['typing', 'leave'].map((type) =>
    mutant(
      'rates-over-refused',
      `${type} without an id is free`,
      `A \`${type}\` that carries no \`id\` is not counted.`,
      ({ gates }) => ({
        gates: {
          rate: (core, connection, incoming) =>
            incoming.request.type === type && incoming.request.id === undefined
              ? null
              : gates.rate(core, connection, incoming),
        },
      }),
    ),
  ),

  mutant(
    'rates-retry-after-tight',
    'wait of the newest, for control',
    'The wait of the bucket `control` is that of its newest entry: a whole window.',
    wait((ms, { limit, window_ms }) => (limit > 15 ? window_ms : ms)),
  ),

  mutant(
    'rates-retry-after-enough',
    'wait of another connection',
    "The wait of the bucket `control` is that of the oldest entry of any of the user's connections.",
    ({ gates }) => {
      const oldest = new Map<string, number>();
      return {
        gates: {
          rate: (core, connection, incoming) =>
            after(gates.rate(core, connection, incoming), (effects) => {
              const { user } = connection.grant;
              const { steady } = incoming.at;
              const rate = core.parts.rates.bucket(incoming.request.type, core.config.rates);
              if (rate?.scope !== 'connection') return effects;
              const first = oldest.get(user) ?? steady;
              oldest.set(user, first);
              const retry_after_ms = Math.max(1, Math.ceil(first + rate.window_ms - steady));
              return (
                effects?.map((effect) =>
                  effect.do === 'send'
                    ? {
                        ...effect,
                        message: {
                          ...effect.message,
                          data: { ...effect.message.data, retry_after_ms },
                        },
                      }
                    : effect,
                ) ?? null
              );
            }),
        },
      };
    },
  ),

  mutant(
    'rates-burst-admitted',
    'replays counted',
    'Each event of a replay is counted as a message of the user to whom it is sent.',
    tampered('join', (effects, core, connection, { at }) => {
      const rate = core.config.rates.find(({ types }) => types.includes('chat'));
      const key = rate && core.parts.rates.sharedKey(rate, connection);
      for (const effect of effects)
        if (effect.do === 'replay' && rate && key)
          for (const _ of effect.events) void core.broker.admit(key, rate, at);
      return effects;
    }),
  ),

  mutant(
    'rates-close-after-not-before',
    'refusals of all buckets',
    'The refusals of all buckets count together, in whichever of them the last is.',
    inRates(({ closes: right }) => ({
      closes: (connection, rate, now) =>
        right(
          connection,
          { ...rate, bucket: 'all', close_after: rate.close_after || Number.POSITIVE_INFINITY },
          now,
        ),
    })),
  ),
];
