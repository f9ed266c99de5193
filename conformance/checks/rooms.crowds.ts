import { check } from '#conformance/harness/check.js';
import type { Data } from '#conformance/harness/message.js';
import type { Stage } from '#conformance/harness/stage.js';

const CROWD = 1_001;
const AT_ONCE = 50;

// One more than a list may hold. They do not read what they are told of each other: it would be half a million events.
async function crowd({ connect, pause, inconclusive }: Stage): Promise<Data> {
  const host = await connect('host');
  await host.joins('stadium');
  for (let start = 1; start < CROWD; start += AT_ONCE) {
    const labels = Array.from({ length: Math.min(AT_ONCE, CROWD - start) }, (_, i) => start + i);
    const peers = await Promise.all(labels.map((label) => connect(`fan${label}`)));
    for (const peer of peers) {
      peer.send('join', {}, { room: 'stadium' });
      peer.pause();
    }
  }
  for (let round = 0; round < 100; round += 1) {
    const { data } = await host.members('stadium');
    if ((data.count ?? 0) >= CROWD || (data.members?.length ?? 0) >= CROWD) return data;
    if (round > 20 && data.truncated === undefined && data.members?.length === 1_000) return data;
    await pause(100);
  }
  return inconclusive(`not all of ${CROWD} users got into one room within 10 s`);
}

// An instance whose heartbeat leaves those alone who do not read.
const options = {
  shared: true,
  instance: { PARLOR_HEARTBEAT_INTERVAL_MS: '60000', PARLOR_HEARTBEAT_TIMEOUT_MS: '60000' },
  takes: () => 3_000,
} as const;

/** The checks of spec/rooms.md that take more than a thousand users in one room. */
export const crowds = [
  check(
    'rooms-members-bounded',
    async (stage) => {
      const { members } = await stage.once('crowd', () => crowd(stage));
      stage.assert((members?.length ?? 0) <= 1_000, {
        expected: `at most 1,000 of ${CROWD} users are listed`,
        actual: `${members?.length} are listed`,
      });
    },
    options,
  ),

  check(
    'rooms-members-truncated',
    async (stage) => {
      const { members, count, truncated } = await stage.once('crowd', () => crowd(stage));
      const whole = (members?.length ?? 0) >= CROWD;
      stage.assert(whole || truncated === true, {
        expected: `truncated: true beside a list that leaves out some of ${CROWD} users`,
        actual: `${members?.length} users are listed, count is ${count}, truncated is ${truncated}`,
      });
    },
    options,
  ),
];
