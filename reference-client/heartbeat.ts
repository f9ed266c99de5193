/** What is known of the life of a connection; times in milliseconds. */
export interface Signs {
  /** When the last message arrived. */
  readonly heardAt: number;
  /** When the last `ping` was sent. */
  readonly pingedAt: number | undefined;
}

/** The heartbeat that a server announces, in milliseconds. */
export interface Beat {
  readonly interval_ms: number;
  readonly timeout_ms: number;
}

/** What to do now: wait so many milliseconds, ask, or give the connection up. */
export type Doubt = { readonly wait: number } | 'ping' | 'give_up';

/** Judges a connection by its silence. */
export function judge({ heardAt, pingedAt }: Signs, beat: Beat, now: number): Doubt {
  const asked = pingedAt !== undefined && pingedAt > heardAt;
  const wait = asked ? pingedAt + beat.timeout_ms - now : heardAt + beat.interval_ms - now;
  if (wait > 0) return { wait };
  return asked ? 'give_up' : 'ping';
}
