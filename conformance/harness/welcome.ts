import { isDeepStrictEqual } from 'node:util';
import type { Rate, Welcome } from '#schemas/types.js';
import { isObject } from './message.js';

export type { Rate, Welcome };

const NUMBERS = [
  'limits',
  'rates',
  'heartbeat',
  'typing_ttl_ms',
  'resume',
  'dedup_window_ms',
] as const;

/** Which numbers two connections of one server were told differently, in words; undefined where they are the same. */
export function differing(one: Welcome, other: Welcome): string | undefined {
  const found = NUMBERS.find((each) => !isDeepStrictEqual(one[each], other[each]));
  return found === undefined
    ? undefined
    : `connections are told different numbers (\`${found}\`), and the suite goes by the first`;
}

/** Whether a value is a bucket as a `welcome` announces it. */
export function isRate(value: unknown): value is Rate {
  if (!isObject(value)) return false;
  const { types, limit, window_ms } = value;
  return Array.isArray(types) && typeof limit === 'number' && typeof window_ms === 'number';
}

/** The bucket that limits messages of a type; undefined when none is announced for it. */
export function bucketOf(
  { rates }: { readonly rates: readonly Rate[] },
  type: string,
): Rate | undefined {
  return rates.find((rate) => rate.types.includes(type));
}
