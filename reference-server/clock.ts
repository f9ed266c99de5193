/** One moment, by two clocks. */
export interface Instant {
  /** Milliseconds since 1970, as the calendar has them: for timestamps and tokens. */
  readonly wall: number;
  /** Milliseconds since the process began, never set back: for windows and deadlines. */
  readonly steady: number;
}

/** Where the shell gets the present moment from. */
export type Clock = () => Instant;

/** The machine's clocks. */
export const systemClock: Clock = () => ({ wall: Date.now(), steady: performance.now() });

let written = Number.NaN;
let text = '';

/** A moment as every `timestamp` has it: RFC 3339 in UTC, with three decimals. */
export function timestamp(wall: number): string {
  const whole = Math.floor(wall);
  if (whole !== written) {
    written = whole;
    text = new Date(whole).toISOString();
  }
  return text;
}
