import { type Mutant, mutant } from './mutant.js';

/** Faults of the chapter `rooms`. */
export const rooms: readonly Mutant[] = [
  mutant(
    'rooms-names-case-sensitive',
    'rooms-folded',
    'Room names are compared without case.',
    () => ({
      rooms: { name: (room) => room.toLowerCase() },
    }),
  ),
];
