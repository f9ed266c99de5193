import { check } from '#conformance/harness/check.js';
import type { Data } from '#conformance/harness/message.js';
import type { Stage } from '#conformance/harness/stage.js';
import { mostListed } from './capacity.js';
import { patient } from './servers.js';

/** What a room of more users than a list may hold looks like to one who was there first, and to one who comes last. */
interface Crowd {
  /** How many users are in the room, and how many are listed at most. */
  users: number;
  most: number;
  /** What the first was told while a list could still hold all. */
  full: Data;
  all: Data;
  late: Data;
  /** Who comes last. */
  user: string;
}

const crowd = (t: Stage): Promise<Crowd> => t.once('crowd', () => meet(t));

async function meet(t: Stage): Promise<Crowd> {
  const host = await t.connect('host');
  const most = mostListed(t, host);
  await host.joins('stadium');
  const fans = Array.from({ length: most - 1 }, (_, i) => `fan${i + 1}`);
  await t.join('stadium', ...fans);
  const { data: full } = await host.members('stadium');
  await t.join('stadium', 'one-too-many');
  const last = await t.connect('last');
  const { data: late } = await last.joins('stadium');
  const { data: all } = await host.members('stadium');
  return { users: most + 2, most, full, all, late, user: last.user };
}

// The server of a check announces a short list where the runner starts it.
const options = { ...patient, orTarget: true } as const;

/** The checks of spec/rooms.md that take more users in one room than are listed. */
export const crowds = [
  check(
    'rooms-members-bounded',
    async (stage) => {
      const { users, most, all, late } = await crowd(stage);
      for (const { members } of [all, late])
        stage.assert((members?.length ?? 0) <= most, {
          expected: `at most ${most} of ${users} users are listed, as max_listed_members has it`,
          actual: `${members?.length} are listed`,
          hint: 'Cut the list at the announced number.',
        });
    },
    options,
  ),

  check(
    'rooms-members-truncated',
    async (stage) => {
      const { users, all, late } = await crowd(stage);
      for (const { members, count, truncated } of [all, late])
        stage.assert((members?.length ?? 0) >= users || truncated === true, {
          expected: `truncated: true beside a list that leaves out some of ${users} users`,
          actual: `${members?.length} users are listed, count is ${count}, truncated is ${truncated}`,
        });
    },
    options,
  ),

  check(
    'rooms-members-truncated',
    async (stage) => {
      const [ann] = await stage.join('lounge', 'ann', 'bob');
      if (ann.announced.limits.max_listed_members < 2)
        stage.notExercised('no list of two users is whole, where one is announced to be listed');
      for (const { data } of [await ann.members('lounge'), await ann.joins('lounge')])
        stage.equal('truncated' in data, false, 'whether an ack with a whole list has truncated');
    },
    { variant: 'whole' },
  ),

  check(
    'rooms-members-truncated',
    async (stage) => {
      const { most, full } = await crowd(stage);
      stage.equal(
        'truncated' in full,
        false,
        `whether an ack has truncated where ${most} users are in the room, as many as may be listed,`,
      );
    },
    { variant: 'full', ...options },
  ),

  check(
    'rooms-members-complete',
    async (stage) => {
      const { most, full } = await crowd(stage);
      stage.assert(new Set(full.members).size === most, {
        expected: `${most} users of ${most} are listed: as many as max_listed_members`,
        actual: `${full.members?.length} are`,
        hint: 'Cut the list where it has more than the announced number, not where it has as many.',
      });
    },
    { variant: 'full', ...options },
  ),

  check(
    'rooms-count-users',
    async (stage) => {
      const { users, all, late } = await crowd(stage);
      for (const { count } of [all, late])
        stage.equal(count, users, 'count, which is exact also where the list is not whole');
    },
    { variant: 'crowd', ...options },
  ),

  check(
    'rooms-join-includes-oneself',
    async (stage) => {
      const { late, user } = await crowd(stage);
      stage.assert(late.members?.includes(user), {
        expected: `the members include ${user}, who joins, also when not all are listed`,
        actual: `${late.members?.length} members are listed, without ${user}`,
        hint: 'List who joins first, and cut the others.',
      });
    },
    { variant: 'crowd', ...options },
  ),
];
