import { Inconclusive, NotExercised, Vacuous, Violation } from './verdict.js';

const VERDICTS = [Violation, Inconclusive, Vacuous, NotExercised];

let runs = 0;

/**
 * A check may begin something, wait for something else, and only then for what it began. Where that has failed by then,
 * Node would end the process for a rejection that nobody has handled yet. During a run, verdicts are let pass; whatever
 * else was not handled is thrown as ever.
 *
 * @returns what ends it
 */
export function tolerateStray(): () => void {
  if (runs === 0) process.on('unhandledRejection', onStray).on('rejectionHandled', onCaught);
  runs += 1;
  return () => {
    runs -= 1;
    if (runs === 0) process.off('unhandledRejection', onStray).off('rejectionHandled', onCaught);
  };
}

// Without a listener Node warns of every rejection that is handled late.
function onCaught(): void {}

function onStray(reason: unknown): void {
  if (!VERDICTS.some((each) => reason instanceof each)) throw reason;
}
