import { check } from '#conformance/harness/check.js';
import { ENVELOPE } from '#conformance/harness/exhaustion.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { RuleId } from '#conformance/harness/requirements.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Violation } from '#conformance/harness/verdict.js';
import { bucketOf } from '#conformance/harness/welcome.js';
import { isWelcomed, knocks } from './capacity.js';
import { untilThrownOut } from './endings.js';
import { active, returnsTo, settled } from './operations.numbers.js';

const MIB = 1024 * 1024;

// More than the kernels on both sides of a connection keep.
const KERNELS = 16 * MIB;

const END_MS = 30_000;
const MOST_PLACES = 50;

// Rates that let one user fill a queue, and a heartbeat that leaves a client alone that does not read.
const FREE = {
  PARLOR_MESSAGES_LIMIT: '100000',
  PARLOR_MESSAGES_WINDOW_MS: '1000',
  PARLOR_CONTROL_CLOSE_AFTER: '3',
  PARLOR_HEARTBEAT_INTERVAL_MS: '60000',
  PARLOR_HEARTBEAT_TIMEOUT_MS: '60000',
};

/** Variables of a server whose queue, and three quarters of it, are longer than what the kernels keep. */
export const LONG_QUEUE = { ...FREE, PARLOR_MAX_QUEUE_BYTES: String(8 * MIB) };

/** The same for half of the queue. */
export const LONGER_QUEUE = { ...FREE, PARLOR_MAX_QUEUE_BYTES: String(16 * MIB) };

// Bytes that name a message of a river.
const LONGEST_TEXT = 16;

const BLOCKED =
  'A loop that awaits the send to one member after the other stops at the one that does not read: give each connection a queue of its own.';

/** A river of chats from one member to a room, each about as long as a message may be, and half a queue at most. */
export function river(t: Stage, sender: Peer) {
  const { limits, rates } = sender.announced;
  const rate = bucketOf({ rates }, 'chat');
  const { max_message_bytes, max_queue_bytes, max_text_bytes } = limits;
  const longest = Math.min(max_message_bytes, 64 * 1024, Math.floor(max_queue_bytes / 2));
  const size = longest - ENVELOPE;
  if (size <= ENVELOPE)
    t.notExercised(
      `\`max_message_bytes\` is ${max_message_bytes} and \`max_queue_bytes\` ${max_queue_bytes}: too little to fill a queue`,
    );
  if (max_text_bytes < LONGEST_TEXT) t.notExercised(`\`max_text_bytes\` is ${max_text_bytes}`);
  const fill = 'x'.repeat(size - ENVELOPE);
  // The sender reads its own messages; half of a queue of them is not too much for anybody.
  const most = Math.max(1, Math.floor(max_queue_bytes / 2 / size));
  const each = Math.min(most, rate?.limit ?? most, 16);
  let count = 0;
  let drops = 0;
  return {
    size,
    /** Sends some, within the rate, and gives their texts when all are acknowledged. */
    async pours(): Promise<string[]> {
      if (rate && count + each > rate.limit) {
        await t.pause(1.1 * rate.window_ms);
        count = 0;
      }
      count += each;
      const texts = Array.from({ length: each }, () => `drop ${drops++}`);
      await Promise.all(texts.map((text) => sender.chat('lounge', text, { meta: { fill } })));
      return texts;
    },
  };
}

const hasLeft = (ann: Peer, sloth: Peer) =>
  ann.received('leave', { room: 'lounge', data: { user: sloth.user } }).length > 0;

// Fills the queue of a member that does not read, until it is let go or all is sent.
async function floods(
  t: Stage,
  ann: Peer,
  sloth: Peer,
  then: (texts: readonly string[]) => Promise<void> = async () => {},
): Promise<void> {
  const { max_queue_bytes } = ann.announced.limits;
  const { pours, size } = river(t, ann);
  sloth.pause();
  for (let sent = 0; sent < max_queue_bytes + KERNELS && !hasLeft(ann, sloth); ) {
    const texts = await pours();
    sent += texts.length * size;
    await then(texts);
  }
}

const seqsOf = (peer: Peer) => peer.received('chat').map(({ seq }) => seq ?? 0);

// Where the numbers leave something out; -1 where they do not.
function holeIn(peer: Peer): number {
  const seqs = seqsOf(peer);
  return seqs.findIndex((seq, index) => seq !== (seqs[0] ?? 0) + index);
}

const lastIn = (peer: Peer, seq: number | undefined) => peer.received('chat', { seq })[0];

// What was seen of a river of chats past a member that does not read.
interface Flood {
  /** What the members who read were denied. */
  others: Violation | undefined;
  /** That the one who does not was kept. */
  kept: Violation | undefined;
  /** What was left out of what he reads in the end. */
  loss: Violation | undefined;
  /** That he is counted after it. */
  counted: Violation | undefined;
  /** That one is counted who was closed for a rate. */
  rushed: Violation | undefined;
  /** That one of them keeps a place among the connections of a user. */
  freed: Violation | undefined;
}

async function observe(t: Stage): Promise<Flood> {
  const telling = t.announces('operations');
  const rushed = await t.finds(async () => telling && rushes(t));
  const [ann, bob, sloth] = await t.join('lounge', 'ann', 'bob', 'sloth');
  let there = Number.NaN;
  const untold = await t.finds(async () => {
    if (telling) there = await active(t);
  });
  let next = 0;
  const others = await t.finds(() =>
    floods(t, ann, sloth, async (texts) => {
      for (const text of texts) {
        const chat = await hinted(bob, text);
        next ||= chat.seq ?? 0;
        t.equal(chat.seq, next, 'the `seq` of the next chat');
        next += 1;
      }
    }),
  );
  const kept = await t.finds(async () => {
    await ann.receives(
      'leave',
      { room: 'lounge', data: { user: sloth.user, reason: 'disconnected' } },
      // Where nobody was served there was no flood, and nothing to end.
      others ? 0 : END_MS,
    );
  });
  const loss = await t.finds(() => reads(t, ann, sloth));
  const counted = untold ?? (await t.finds(async () => telling && uncounted(t, sloth, there - 1)));
  const freed = await t.finds(() => hasPlaces(t, sloth));
  return { others, kept, loss, counted, rushed, freed };
}

// Holds all places of a user to be free whose only connection the server has ended.
async function hasPlaces(t: Stage, { announced, closed }: Peer): Promise<void> {
  const { max_connections_per_user: most } = announced.limits;
  if (!closed || most > MOST_PLACES) return;
  const all = await Promise.all(Array.from({ length: most }, () => knocks(t, 'sloth')));
  if (all.every(({ welcomed }) => welcomed)) return;
  // The server may need up to a second to notice.
  await t.pause(1_000);
  await isWelcomed(t, 'sloth', closed);
}

// Holds a connection that the server has ended to be out of `active_connections`, which is to be as many.
async function uncounted(t: Stage, { closed }: Peer, many: number): Promise<void> {
  if (closed) await returnsTo(t, many, `the server's end of a connection (${closed.detail})`);
}

// On a server of one's own, where others do not count.
async function rushes(t: Stage): Promise<void> {
  const before = await settled(t);
  const hasty = await t.connect('hasty');
  const enough = untilThrownOut(hasty.announced, 'ping');
  if (enough === 0) return;
  for (let sent = 0; sent < enough; sent += 1) hasty.send('ping', {});
  // That it is not ended is for the rules about rates to say.
  if (!(await t.finds(() => hasty.ends()))) await uncounted(t, hasty, before);
}

// One who reads again finds every chat up to the end of the connection.
async function reads(t: Stage, ann: Peer, sloth: Peer): Promise<void> {
  sloth.resume();
  const { data } = await ann.chat('lounge', 'the last one');
  await sloth.until(
    () => sloth.closed ?? (holeIn(sloth) >= 0 || undefined) ?? lastIn(sloth, data.seq),
    () => ({
      expected: ['the chat that was sent last', 'the end of the connection'],
      actual: `${sloth.received('chat').length} chats came, and neither of these`,
    }),
    { outlivesClose: true },
  );
  const hole = holeIn(sloth);
  const seqs = seqsOf(sloth);
  t.assert(hole < 0, {
    expected: 'every chat up to the end of the connection, in the order of `seq`',
    actual: `after the \`seq\` ${seqs[hole - 1]} came ${seqs[hole]}`,
    hint: 'What does not fit into the queue ends the connection; leaving something out is no way to keep it.',
  });
}

/** A check of one side of the flood, which fills the kernels' buffers and is made once for all. */
export const ofFlood = (rule: RuleId, side: keyof Flood, variant?: string) =>
  check(
    rule,
    async (t) => {
      const flood = await t.once('flood', () => observe(t));
      t.note('observed once for several checks: ann writes to a room, bob reads, sloth does not');
      const found = flood[side];
      if (found) throw found;
    },
    { instance: FREE, shared: true, ...(variant !== undefined && { variant }) },
  );

// A chat that reaches a member beside the one that does not read.
function hinted(bob: Peer, text: string) {
  return bob.until(
    () => bob.received('chat', { data: { text } })[0],
    () => ({
      expected: `bob receives the chat '${text}' while another member does not read`,
      actual: `it did not come; bob has received ${bob.received('chat').length} chats`,
      hint: BLOCKED,
    }),
  );
}
