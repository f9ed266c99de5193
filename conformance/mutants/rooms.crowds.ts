import { type Mutant, mutant } from './mutant.js';
import { inRooms } from './tampering.js';

/** Faults of the chapter `rooms` that only a crowd brings out. */
export const crowds: readonly Mutant[] = [
  mutant(
    'rooms-members-bounded',
    'members-unbounded',
    'All users are listed, however many there are.',
    inRooms(() => ({
      snapshot: (present) => ({ members: [...present.keys()], count: present.size }),
    })),
  ),
  mutant(
    'rooms-members-truncated',
    'truncation-hidden',
    'A list that was cut does not say so.',
    inRooms((right) => ({
      snapshot: (present) => {
        const { members } = right.snapshot(present);
        return { members, count: members.length };
      },
    })),
  ),
];
