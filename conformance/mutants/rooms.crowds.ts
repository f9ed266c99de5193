import { type Mutant, mutant } from './mutant.js';
import { inRooms, replying } from './tampering.js';

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
      snapshot: (present, most) => {
        const { members } = right.snapshot(present, most);
        return { members, count: members.length };
      },
    })),
  ),
  mutant(
    'rooms-members-truncated',
    'truncated-always-said',
    'Every list is called truncated or not, also a whole one.',
    replying('join', (data) => ({ truncated: false, ...data })),
  ),
  mutant(
    'rooms-members-complete',
    'cut-one-early',
    'A list is cut where it is as long as is announced.',
    inRooms((right) => ({
      snapshot: (present, most, own) => right.snapshot(present, Math.max(1, most - 1), own),
    })),
  ),
  mutant(
    'rooms-members-truncated',
    'full-list-called-truncated',
    'A list that is as long as is announced is called truncated, also where nobody is left out.',
    replying('members', (data, { config }) =>
      Number(data['count']) < config.limits.max_listed_members
        ? data
        : { ...data, truncated: true },
    ),
  ),
  mutant(
    'rooms-count-users',
    'listed-users-counted',
    'The count is that of the users that are listed.',
    replying('members', (data) => ({ ...data, count: (data['members'] as string[]).length })),
  ),
  mutant(
    'rooms-join-includes-oneself',
    'oneself-cut-off',
    'In a list that was cut, who comes last is missing.',
    inRooms((right) => ({ snapshot: (present, most) => right.snapshot(present, most) })),
  ),
];
