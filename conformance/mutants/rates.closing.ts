import { after } from '#server/maybe.js';
import type { Connection } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';
import { inRates } from './tampering.js';

const closes = (after: (closeAfter: number) => number) =>
  inRates(({ closes: right }) => ({
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

/** Faults in the refusals that close a connection. */
export const closing: readonly Mutant[] = [
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
    inRates(({ closes: right }) => {
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
    inRates(({ closes: right }) => ({
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
