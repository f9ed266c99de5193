/** Writes events of the log. */
type Write = (event: Readonly<Record<string, unknown>>) => void;

const EVERY_MS = 10_000;

/**
 * A log that says the same thing at most every ten seconds: an outage is a line that comes with each attempt.
 * The next line of its kind tells in `repeated` how many were left out before it.
 */
export function sparing(write: Write, now: () => number = () => performance.now()): Write {
  const kinds = new Map<unknown, { saidAt: number; reason: unknown; repeated: number }>();
  return (event) => {
    const { event: kind, reason } = event;
    const last = kinds.get(kind);
    if (last && last.reason === reason && now() - last.saidAt < EVERY_MS) {
      last.repeated += 1;
      return;
    }
    kinds.set(kind, { saidAt: now(), reason, repeated: 0 });
    write(last?.repeated ? { ...event, repeated: last.repeated } : event);
  };
}
