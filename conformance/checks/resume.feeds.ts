import { check } from '#conformance/harness/check.js';
import { ENVELOPE } from '#conformance/harness/exhaustion.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { RuleId } from '#conformance/harness/requirements.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Violation } from '#conformance/harness/verdict.js';
import { keeps, seqs, talks } from './resume.returns.js';
import { patient } from './servers.js';

// More than the kernels keep of what a peer does not read from the beginning, and half a queue besides.
const BYTES = 5 * 1024 * 1024;
const AT_ONCE = 8;

const HELD =
  'A replay that waits for its reader holds back what is live in the room: one queue for each connection, in which the replay stands first.';
const STOPPED =
  'Ask before each piece of a replay whether the connection is still in the room, or send the ack of the leave behind it.';

/** What was seen of a replay whose reader was slow. */
interface Feed {
  /** That something live came within the replay. */
  order: Violation | undefined;
  /** That the replay went on after the room was left. */
  left: Violation | undefined;
}

// Bob says so much that a replay of it does not fit into any queue.
async function fills(t: Stage, bob: Peer): Promise<void> {
  const { limits } = bob.announced;
  const size = Math.min(limits.max_message_bytes, limits.max_queue_bytes / 2, 64 * 1024) - ENVELOPE;
  if (size < 4 * ENVELOPE) t.notExercised(`\`max_message_bytes\` is ${limits.max_message_bytes}`);
  const count = Math.ceil(BYTES / size);
  keeps(t, bob, count);
  await talks(t, bob, count, { meta: { fill: 'x'.repeat(size - ENVELOPE) }, atOnce: AT_ONCE });
}

async function observe(t: Stage): Promise<Feed> {
  const bob = await t.connect('bob');
  const { epoch = '' } = (await bob.joins('lounge')).data;
  await fills(t, bob);
  // Ann returns and reads nothing; something happens, and she leaves.
  const ann = await t.connect('ann');
  ann.pause();
  ann.send('join', { since: { epoch, seq: 0 } }, { room: 'lounge', id: 'back' });
  const told = () => bob.receives('join', { data: { user: ann.user } });
  if (await t.finds(told)) return t.notSeen('bob was not told of a join while its replay waited');
  const { seq: last } = (await bob.chat('lounge', 'live')).data;
  ann.send('leave', undefined, { room: 'lounge', id: 'gone' });
  ann.resume();

  const gone = () => ann.received('ack', { ref: 'gone' })[0];
  await ann.until(
    () => gone() ?? ann.closed,
    () => ({
      expected: 'ann, who did not read a replay and then reads on, receives the ack of her leave',
      actual: `it did not come; ${ann.received('chat').length} chats came`,
    }),
    { outlivesClose: true },
  );
  if (ann.closed) return t.notSeen('ann was let go while the replay waited');
  await ann.staysOpen();
  const [ack] = ann.received('ack', { ref: 'back' });
  if (!ack?.data.recovered) return t.notSeen('nothing was recovered');
  const all = ann.received();
  const end = all.findIndex(({ ref }) => ref === 'gone');
  const events = all.filter(({ seq }) => seq !== undefined);

  const order = await t.finds(async () => {
    // Who leaves may miss what is not sent yet, be it the live event or a part of the replay.
    const live = events.findIndex(({ seq }) => seq === last);
    t.assert(live < 0 || live === ack.data.replayed, {
      expected: `the ${ack.data.replayed} events of the replay, then the live one`,
      actual: `the live one came after ${live} of them`,
      hint: HELD,
    });
  });
  const left = await t.finds(async () => {
    const late = all.slice(end + 1).filter((each) => events.includes(each));
    t.assert(late.length === 0, {
      expected: 'no event of the room after the ack of the leave',
      actual: `${late.length} events came after it, from seq ${seqs(late)[0]} on`,
      hint: STOPPED,
    });
  });
  return { order, left };
}

// A check of one side of the replay, which is megabytes and made once for all.
const ofFeed = (rule: RuleId, side: keyof Feed) =>
  check(
    rule,
    async (t) => {
      const feed = await t.once('feed', () => observe(t));
      t.note(
        'observed once for several checks: ann returns to a room, reads nothing, and leaves it',
      );
      const found = feed[side];
      if (found) throw found;
    },
    { variant: 'slow-reader', ...patient },
  );

/** The checks of spec/resume.md and spec/rooms.md of replays that wait for their readers. */
export const feeds = [
  ofFeed('resume-replay-before-live', 'order'),
  ofFeed('rooms-leave-stops-events', 'left'),
];
