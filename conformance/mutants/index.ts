import { errors } from './errors.js';
import { handshake } from './handshake.js';
import { limits } from './limits.js';
import { messages } from './messages.js';
import type { Mutant } from './mutant.js';
import { rates } from './rates.js';
import { rooms } from './rooms.js';

/** Every faulty server, chapter by chapter. */
export const mutants: readonly Mutant[] = [
  ...handshake,
  ...limits,
  ...rooms,
  ...rates,
  ...messages,
  ...errors,
];
