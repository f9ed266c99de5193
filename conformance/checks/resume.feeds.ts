import { check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { RuleId } from '#conformance/harness/requirements.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Violation } from '#conformance/harness/verdict.js';
import { bucketOf } from '#conformance/harness/welcome.js';
import { ENVELOPE } from './queues.js';
import { keeps, seqs } from './resume.returns.js';
import { patient } from './servers.js';

// More than the kernels keep of what a peer does not read from the beginning, and half a queue besides.
const BYTES = 6 * 1024 * 1024;
const AT_ONCE = 8;

const HELD =
  'A replay that waits for its reader holds back what is live in the room: one queue for each connection, in which the replay stands first.';
const STOPPED =
  'Ask before each piece of a replay whether the connection is still in the room, or send the ack of the leave behind it.';

/** What was seen of two replays whose readers were slow. */
interface Feed {
  /** That something live came within the replay. */
  order: Violation | undefined;
  /** That the replay went on after the room was left. */
  left: Violation | undefined;
}

// Bob says so much that a replay of it does not fit into any queue.
async function fills(t: Stage, bob: Peer): Promise<void> {
  const { limits, rates } = bob.announced;
  const size = Math.min(limits.max_message_bytes, limits.max_queue_bytes / 2, 64 * 1024) - ENVELOPE;
  if (size < 4 * ENVELOPE) t.notExercised(`\`max_message_bytes\` is ${limits.max_message_bytes}`);
  const count = Math.ceil(BYTES / size);
  keeps(t, bob, count);
  const limit = bucketOf({ rates }, 'chat')?.limit ?? count;
  if (limit < count + 10) t.notExercised(`the instance admits ${limit} messages, not ${count}`);
  const fill = 'x'.repeat(size - ENVELOPE);
  for (let from = 0; from < count; from += AT_ONCE)
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, count - from) }, () =>
        bob.chat('lounge', 'x', { meta: { fill } }),
      ),
    );
}

// Somebody returns, and does not read what comes.
async function returns(t: Stage, label: string, epoch: string, bob: Peer): Promise<Peer> {
  const peer = await t.connect(label);
  peer.pause();
  peer.send('join', { since: { epoch, seq: 0 } }, { room: 'lounge', id: 'back' });
  await bob.receives('join', { data: { user: peer.user } });
  return peer;
}

// Waits for a message behind a replay, where the connection is kept for so long.
async function reads(t: Stage, peer: Peer, what: string, look: () => Message | undefined) {
  peer.resume();
  await peer.until(
    () => look() ?? peer.closed,
    () => ({
      expected: `${peer.label} receives ${what}`,
      actual: `it did not come; ${peer.received('chat').length} chats came`,
    }),
    { outlivesClose: true },
  );
  if (peer.closed) t.notSeen(`${peer.label} was let go while the replay waited`);
}

async function observe(t: Stage): Promise<Feed> {
  const bob = await t.connect('bob');
  const { epoch = '' } = (await bob.joins('lounge')).data;
  await fills(t, bob);
  const ann = await returns(t, 'ann', epoch, bob);
  const cat = await returns(t, 'cat', epoch, bob);
  cat.send('leave', undefined, { room: 'lounge', id: 'gone' });
  const { seq: last = 0 } = (await bob.chat('lounge', 'live')).data;

  const order = await t.finds(async () => {
    await reads(
      t,
      ann,
      'the chat that followed its join',
      () => ann.received('chat', { seq: last })[0],
    );
    const [ack] = ann.received('ack', { ref: 'back' });
    if (!ack?.data.recovered) return t.notSeen('nothing was recovered');
    const chats = ann.received('chat');
    const before = chats.slice(
      0,
      chats.findIndex(({ seq }) => seq === last),
    );
    t.assert(before.length === ack.data.replayed, {
      expected: `the ${ack.data.replayed} events of the replay, then the live one`,
      actual: `the live one came after ${before.length} of them`,
      hint: HELD,
    });
  });
  const left = await t.finds(async () => {
    await reads(t, cat, 'the ack of its leave', () => cat.received('ack', { ref: 'gone' })[0]);
    await cat.staysOpen();
    const all = cat.received();
    const late = all.slice(all.findIndex(({ ref }) => ref === 'gone') + 1);
    const events = late.filter(({ seq }) => seq !== undefined);
    t.assert(events.length === 0, {
      expected: 'no event of the room after the ack of the leave',
      actual: `${events.length} events of a replay came after it, from seq ${seqs(events)[0]} on`,
      hint: STOPPED,
    });
  });
  return { order, left };
}

// A check of one side of the replays, which are megabytes and made once for all.
const ofFeed = (rule: RuleId, side: keyof Feed) =>
  check(
    rule,
    async (t) => {
      const feed = await t.once('feed', () => observe(t));
      t.note('observed once for several checks: ann and cat return to a room, and read nothing');
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
