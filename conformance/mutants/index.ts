import type { Mutant } from './mutant.js';
import { rooms } from './rooms.js';

/** Every faulty server, chapter by chapter. */
export const mutants: readonly Mutant[] = [...rooms];
