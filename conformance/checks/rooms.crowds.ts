import { check } from '#conformance/harness/check.js';
import type { Data } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Instance } from '#conformance/harness/process.js';
import type { Stage } from '#conformance/harness/stage.js';
import { patient, SILENT_MS } from './servers.js';

const CROWD = 1_001;
const AT_ONCE = 25;
const PATIENCE_MS = 30_000;

/** What a crowd looks like to one who was there first, and to one who comes last. */
interface Crowd {
  all: Data;
  late: Data;
  /** Who comes last. */
  user: string;
}

const crowd = (t: Stage): Promise<Crowd> => t.once('crowd', () => observe(t));

// A server of its own, which is killed in the end: it would tell a thousand members of each that leaves.
async function observe(t: Stage): Promise<Crowd> {
  const at = await t.launch(patient.instance);
  return t.during(
    () => meet(t, at),
    () => at.stop('SIGKILL'),
  );
}

// One more than a list may hold. They do not read what they are told of each other: it would be half a million events.
async function meet(t: Stage, at: Instance): Promise<Crowd> {
  const { pause, inconclusive, notExercised } = t;
  // What comes late here is late for being much: that the server answers at all is for other checks to say.
  t.patience(PATIENCE_MS);
  const begin = performance.now();
  const host = await t.connect('host', { at });
  const { interval_ms, timeout_ms } = host.announced.heartbeat;
  if (interval_ms + timeout_ms < SILENT_MS)
    notExercised(
      `a heartbeat of ${interval_ms} and ${timeout_ms} ms is announced: it ends those who do not read`,
    );
  await host.joins('stadium');
  const fans = await connected(t, at, begin);
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
    if (idle === PATIENCE_MS / 100)
      inconclusive(
        `${before + 1} of ${CROWD} users got into one room, as the first was told, and then none for ${PATIENCE_MS / 1_000} s`,
      );
    await pause(100);
  }
  leftAlone(t, begin);
  const last = await t.connect('last', { at });
  const { data: late } = await last.joins('stadium');
  return { all: (await host.members('stadium')).data, late, user: last.user };
}

// Tokens that a command mints may take long, and so may handshakes; the first may have been given up by then.
function leftAlone(t: Stage, begin: number): void {
  if (performance.now() - begin > SILENT_MS)
    t.notExercised(
      `${CROWD} users take more than ${SILENT_MS / 1_000} s to connect, and a heartbeat leaves them alone for no longer`,
    );
}

async function connected(t: Stage, at: Instance, begin: number): Promise<Peer[]> {
  const fans: Peer[] = [];
  while (fans.length < CROWD - 1) {
    leftAlone(t, begin);
    const first = fans.length + 1;
    const count = Math.min(AT_ONCE, CROWD - first);
    const some = Array.from({ length: count }, (_, i) => t.connect(`fan${first + i}`, { at }));
    const lost = await t.finds(async () => fans.push(...(await Promise.all(some))));
    if (lost && !at.running) throw lost;
    if (lost) t.tooLate(`not all of ${CROWD} users could connect: ${lost.actual}`);
  }
  return fans;
}

const options = { needs: ['start'], takes: () => 3_000 } as const;

/** The checks of spec/rooms.md that take more than a thousand users in one room. */
export const crowds = [
  check(
    'rooms-members-bounded',
    async (stage) => {
      const { all, late } = await crowd(stage);
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
      const { all, late } = await crowd(stage);
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
      const { all, late } = await crowd(stage);
      for (const { count } of [all, late])
        stage.equal(count, CROWD + 1, 'count, which is exact also where the list is not whole');
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
      });
    },
    { variant: 'crowd', ...options },
  ),
];
