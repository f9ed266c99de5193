import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Welcome } from '#conformance/harness/welcome.js';
import { Attempts, messagesRate } from './attempts.js';
import { whyAdmitted } from './excess.js';

/** How the log of the rule is kept, as a hint. */
export const NOT_THE_LOG =
  'The algorithm is a sliding log: count the admitted messages of the last window_ms before each message.';

const messagesWindow = ({ rates }: Welcome): number =>
  rates.find(({ bucket }) => bucket === 'messages')?.window_ms ?? 0;

/** How long a check lasts that takes so many windows of the bucket of messages. */
export const windows = (count: number) => ({
  timers: true as const,
  takes: (welcome: Welcome) => count * messagesWindow(welcome),
});

/** A user in a room of its own, and the log of what it tries there. */
export async function start(
  t: Stage,
  label = 'ann',
  room = `room-of-${label}`,
): Promise<{ peer: Peer; tries: Attempts }> {
  const [peer] = await t.join(room, label);
  if (!peer) throw new Error('a join gives a peer');
  return {
    peer,
    tries: new Attempts(t, messagesRate(t), () => peer.request('chat', { text: 'x' }, { room })),
  };
}

/** The likely cause of what was admitted beyond the log, told apart by a burst of somebody else. */
export const why = (t: Stage, tries: Attempts, guess: string, label = 'ann') =>
  whyAdmitted(tries, async () => (await start(t, `other-than-${label}`)).tries, guess);
