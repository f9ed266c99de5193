import { check } from '#conformance/harness/check.js';
import type { Data } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { crowded, SILENT_MS } from './servers.js';

const CROWD = 1_001;
const AT_ONCE = 50;

/** What a crowd looks like to one who was there first, and to one who comes last. */
interface Crowd {
  all: Data;
  late: Data;
  /** Who comes last. */
  user: string;
}

// One more than a list may hold. They do not read what they are told of each other: it would be half a million events.
async function crowd({ connect, pause, inconclusive, notExercised }: Stage): Promise<Crowd> {
  const begin = performance.now();
  const host = await connect('host');
  const { interval_ms, timeout_ms } = host.announced.heartbeat;
  if (interval_ms + timeout_ms < SILENT_MS)
    notExercised(
      `a heartbeat of ${interval_ms} and ${timeout_ms} ms is announced: it ends those who do not read`,
    );
  await host.joins('stadium');
  const fans: Peer[] = [];
  while (fans.length < CROWD - 1) {
    const first = fans.length + 1;
    const count = Math.min(AT_ONCE, CROWD - first);
    fans.push(
      ...(await Promise.all(Array.from({ length: count }, (_, i) => connect(`fan${first + i}`)))),
    );
  }
  // All at once: a server that writes what is owed within one turn together has far less to do.
  for (const fan of fans) {
    fan.send('join', {}, { room: 'stadium' });
    fan.pause();
  }
  // Servers that tell each of the others of each write half a million times: as long as they go on, that is no silence.
  const arrived = () => host.received('join').length;
  for (let idle = 0, before = 0; arrived() < CROWD - 1; idle += 1) {
    if (arrived() > before) idle = 0;
    before = arrived();
    if (idle === 100)
      inconclusive(
        `${before + 1} of ${CROWD} users got into one room, as the first was told, and then none for 10 s`,
      );
    await pause(100);
  }
  const took = performance.now() - begin;
  // Tokens that a command mints may take that long; the first may have been given up by then.
  if (took > SILENT_MS)
    notExercised(
      `${CROWD} users took ${Math.round(took / 1000)} s to connect, longer than a heartbeat leaves them alone`,
    );
  const last = await connect('last');
  const { data: late } = await last.joins('stadium');
  return { all: (await host.members('stadium')).data, late, user: last.user };
}

// An instance whose heartbeat leaves those alone who do not read.
const options = {
  ...crowded,
  takes: () => 3_000,
} as const;

const seen = (stage: Stage) => stage.once('crowd', () => crowd(stage));

/** The checks of spec/rooms.md that take more than a thousand users in one room. */
export const crowds = [
  check(
    'rooms-members-bounded',
    async (stage) => {
      const { all, late } = await seen(stage);
      for (const { members } of [all, late])
        stage.assert((members?.length ?? 0) <= 1_000, {
          expected: `at most 1,000 of ${CROWD + 1} users are listed`,
          actual: `${members?.length} are listed`,
        });
    },
    options,
  ),

  check(
    'rooms-members-truncated',
    async (stage) => {
      const { all, late } = await seen(stage);
      for (const { members, count, truncated } of [all, late])
        stage.assert((members?.length ?? 0) >= CROWD + 1 || truncated === true, {
          expected: `truncated: true beside a list that leaves out some of ${CROWD + 1} users`,
          actual: `${members?.length} users are listed, count is ${count}, truncated is ${truncated}`,
        });
    },
    options,
  ),

  check(
    'rooms-members-truncated',
    async ({ join, equal }) => {
      const [ann] = await join('lounge', 'ann', 'bob');
      for (const { data } of [await ann.members('lounge'), await ann.joins('lounge')])
        equal('truncated' in data, false, 'whether an ack with a whole list has truncated');
    },
    { variant: 'whole' },
  ),

  check(
    'rooms-count-users',
    async (stage) => {
      const { all, late } = await seen(stage);
      for (const { count } of [all, late])
        stage.equal(count, CROWD + 1, 'count, which is exact also where the list is not whole');
    },
    { variant: 'crowd', ...options },
  ),

  check(
    'rooms-join-includes-oneself',
    async (stage) => {
      const { late, user } = await seen(stage);
      stage.assert(late.members?.includes(user), {
        expected: `the members include ${user}, who joins, also when not all are listed`,
        actual: `${late.members?.length} members are listed, without ${user}`,
      });
    },
    { variant: 'crowd', ...options },
  ),
];
