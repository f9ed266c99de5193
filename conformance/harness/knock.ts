import { Wire } from './wire.js';

const ANSWER_MS = 10_000;

/** Somebody at a server's door. */
export interface Knock {
  /** Whether the server answered, in whatever way; false after 10 s. */
  readonly answered: Promise<boolean>;
  /** Goes away. */
  leave(): void;
}

/**
 * Opens a connection of no user, which shows whether a server does anything at present: what it owed before it came to
 * this one is on its way by then.
 */
export function knock(url: URL): Knock {
  let done: (yes: boolean) => void = () => {};
  const answered = new Promise<boolean>((resolve) => {
    done = resolve;
  });
  const yes = () => done(true);
  const wire = new Wire(
    url,
    {},
    { response: yes, frame: yes, unit: yes, close: yes, end: yes, fault: yes },
  );
  const timer = setTimeout(() => done(false), ANSWER_MS);
  const leave = () => {
    clearTimeout(timer);
    wire.destroy('it was only to see whether anybody answers');
  };
  void answered.then(leave);
  return { answered, leave };
}
