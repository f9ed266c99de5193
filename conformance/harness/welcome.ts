import type { Rate, Welcome } from '#schemas/types.js';

export type { Rate, Welcome };

/** The bucket that limits messages of a type; undefined when none is announced for it. */
export function bucketOf(welcome: Welcome, type: string): Rate | undefined {
  return welcome.rates.find((rate) => rate.types.includes(type));
}
