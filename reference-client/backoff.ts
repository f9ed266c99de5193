const FIRST_BOUND_MS = 5_000;
const LARGEST_BOUND_MS = 30_000;
const AT_ONCE_MS = 1_000;

/** How long a connection has to be open after `welcome` to count as well, in milliseconds. */
export const WELL_AFTER_MS = 10_000;

/** The longest random wait before attempt k, counted from 0, in milliseconds. */
export function bound(attempt: number): number {
  return Math.min(LARGEST_BOUND_MS, FIRST_BOUND_MS * 2 ** attempt);
}

/** The wait before attempt k in milliseconds: as the server said, else drawn; `random` gives a number from 0 to 1. */
export function backOff(attempt: number, retryAfter: number, random: () => number): number {
  return retryAfter > 0 ? retryAfter : random() * bound(attempt);
}

/** The wait before an immediate reconnect in milliseconds: within 1 s, unless the server named a longer one. */
export function atOnce(retryAfter: number, random: () => number): number {
  return retryAfter + random() * Math.max(0, AT_ONCE_MS - retryAfter);
}
