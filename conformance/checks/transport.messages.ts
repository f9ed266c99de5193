import { check } from '#conformance/harness/check.js';
import { ENVELOPE as REPLY } from '#conformance/harness/exhaustion.js';
import { encodeFrame, opcodes } from '#conformance/harness/frames.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { bucketOf } from '#conformance/harness/welcome.js';
import { longestAnswered, queueHolds } from './queues.js';
import {
  type Ask,
  dial,
  fragments,
  hinted,
  joined,
  probe,
  type Question,
} from './transport.probe.js';

// The longest payload of a control frame.
const LONGEST_PING = 125;

const MANY = 16_400;
const BATCH = 400;
// What would take longer than a minute is not waited for; so much is known after two seconds.
const LONG_MS = 60_000;
const SLOW_MS = 2_000;
const ENDLESS = 100_000;
const HEADER = 8;

const FRAGMENTS =
  'Join the payloads of all fragments, empty ones too, and decode the text when the last has come.';
const UNBOUNDED =
  'Limit the number of fragments. A reader that keeps nothing of an empty one needs no limit, and may disregard this.';
const INTERJECTED =
  'Control frames between the fragments of a message are no part of it: do not count them to its length.';
const CHUNKS =
  'A chunk that is read from TCP may hold a part of a frame, or several: keep what is left of it for the next.';

// What stands around the content of a question, in bytes.
const ENVELOPE = 100;

const LENGTHS = [125, 126, 127, 65_535, 65_536];

// Asks in fragments cut at offsets of the message's bytes.
const inFragments = (cut: (bytes: Buffer) => readonly number[], content?: string) =>
  async function asks(t: Stage): Promise<void> {
    const { peer, ask } = await probe(t);
    const most = t.parlor ? t.welcome.limits.max_message_bytes - ENVELOPE : undefined;
    const question = ask(content?.slice(0, most));
    for (const frame of fragments(question.text, cut(Buffer.from(question.text))))
      peer.sendFrame(frame);
    await hinted(question.answered(), FRAGMENTS);
  };

const every = (bytes: Buffer, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) - 1 }, (_, index) => (index + 1) * size);

// A question of exactly so many bytes; the number in each may be longer by a digit than in the one before.
function sized(ask: Ask, bytes: number): Question {
  let question = ask('');
  for (let fill = 0; question.text.length !== bytes; question = ask('x'.repeat(fill)))
    fill += bytes - question.text.length;
  return question;
}

async function asksInLength(t: Stage, bytes: number): Promise<void> {
  const { peer, ask } = await probe(t, `length-${bytes}`);
  const question = sized(ask, bytes);
  peer.sendText(question.text);
  try {
    await question.answered();
  } catch (error) {
    // A limit of its own is what a server that is not Parlor's may have.
    if (t.parlor || peer.closed?.code !== 1009) throw error;
    t.note(`the server takes no messages of ${bytes} bytes`);
  }
}

// Sends a batch in one piece, and waits until its last message is answered.
async function batch(peer: Peer, ask: Ask, size: number): Promise<void> {
  const questions = Array.from({ length: size }, () => ask());
  const frames = questions.map(({ text }) => ({ opcode: opcodes.text, payload: text }));
  peer.write(joined(...frames));
  await questions.at(-1)?.answered();
}

/** The longest message in fragments, between which Pings of the most bytes come: a check of spec/limits.md. */
export const interjected = check(
  'limits-message-exact-accepted',
  async (t) => {
    const most = longestAnswered(t);
    const { peer, ask } = await probe(t);
    const question = sized(ask, most);
    for (const frame of fragments(question.text, every(Buffer.from(question.text), most / 4))) {
      peer.sendFrame(frame);
      if (!frame.fin)
        peer.sendFrame({ opcode: opcodes.ping, payload: Buffer.alloc(LONGEST_PING, 'p') });
    }
    await hinted(question.answered(), INTERJECTED);
  },
  { variant: 'pings-between' },
);

/** The checks of spec/transport.md: messages. */
export const messages = [
  check(
    'transport-fragments-reassembled',
    inFragments((bytes) => [Math.floor(bytes.length / 2)]),
    { variant: 'two', plain: true },
  ),

  check(
    'transport-fragments-reassembled',
    inFragments((bytes) => every(bytes, 7), 'x'.repeat(3_500)),
    { variant: 'many', plain: true },
  ),

  check(
    'transport-fragments-reassembled',
    inFragments((bytes) => every(bytes, 1)),
    { variant: 'bytes', plain: true },
  ),

  check(
    'transport-empty-fragments-accepted',
    inFragments((bytes) => [0, 9, 9, bytes.length]),
    { plain: true },
  ),

  check(
    'transport-split-code-point-accepted',
    // Cut inside each code point of more than one byte, at every place.
    inFragments(
      (bytes) => every(bytes, 1).filter((offset) => ((bytes[offset] ?? 0) & 0xc0) === 0x80),
      'ß € 🂡',
    ),
    { plain: true },
  ),

  check(
    'transport-fragments-bounded',
    async (t) => {
      const peer = await dial(t);
      const empty = encodeFrame({ opcode: opcodes.continuation, fin: false });
      peer.sendFrame({ opcode: opcodes.text, payload: 'endless', fin: false });
      peer.write(Buffer.alloc(ENDLESS * empty.length, empty));
      peer.sendFrame({ opcode: opcodes.ping, payload: 'still there?' });
      const expected = [
        `after ${ENDLESS} fragments of one message: a Close frame with 1002, 1008 or 1009`,
        'the end of TCP without a Close frame',
      ];
      const closed = await peer.until(
        () => peer.closed,
        () => ({
          expected,
          actual: `the connection was kept${peer.pongsReceived.length > 0 ? ': a Ping sent afterwards was answered' : ''}`,
          hint: UNBOUNDED,
        }),
        { outlivesClose: true },
      );
      t.assert(closed.by !== 'frame' || [1002, 1008, 1009].includes(closed.code), {
        expected,
        actual: `the server ${closed.detail}`,
      });
    },
    { plain: true },
  ),

  check(
    'transport-tcp-chops-accepted',
    async (t) => {
      const { peer, ask } = await probe(t);
      const question = ask();
      const bytes = encodeFrame({ opcode: opcodes.text, payload: question.text });
      // A Pong would fall between the bytes.
      peer.autoPong = false;
      const pings = peer.pingsReceived.length;
      for (let at = 0; at < bytes.length; at += 1) {
        peer.write(bytes.subarray(at, at + 1));
        // Without some time between two bytes the system joins them again.
        if (at < HEADER || at % 8 === 0) await t.pause(1);
      }
      peer.autoPong = true;
      for (const { payload } of peer.pingsReceived.slice(pings))
        peer.sendFrame({ opcode: opcodes.pong, payload });
      await hinted(question.answered(), CHUNKS);
    },
    { plain: true },
  ),

  check(
    'transport-coalesced-frames-accepted',
    async (t) => {
      const { peer, ask } = await probe(t);
      const questions = [ask('one'), ask('two'), ask('three')];
      const from = peer.log.length;
      const [one, two, three] = questions.map(({ text }) => ({
        opcode: opcodes.text,
        payload: text,
      }));
      if (!one || !two || !three) throw new Error('three questions have three frames');
      peer.write(joined(one, two, { opcode: opcodes.ping, payload: 'amid' }, three));
      await Promise.all([
        ...questions.map((question) => hinted(question.answered(), CHUNKS)),
        peer.receivesPong('amid'),
      ]);
      const text = peer.log.slice(from).map(({ raw }) => raw.toString());
      const order = questions.map(({ text: asked }) => {
        const { id } = JSON.parse(asked) as { id: string };
        return text.findIndex((reply) => reply.includes(`"${id}"`));
      });
      t.assert(
        order.every((at, index) => index === 0 || at >= (order[index - 1] ?? 0)),
        {
          expected: 'the replies in the order of the requests',
          actual: `the replies came at the places ${order.join(', ')}`,
        },
      );
    },
    { plain: true },
  ),

  check(
    'transport-payload-lengths-accepted',
    async (t) => {
      // A reply that does not fit into the announced queue may end the connection.
      const answered = (bytes: number) =>
        !t.parlor || (bytes <= t.welcome.limits.max_message_bytes && queueHolds(t, bytes));
      const lengths = LENGTHS.filter(answered);
      if (lengths.length === 0)
        t.notExercised('no reply fits into the announced `max_queue_bytes`');
      await Promise.all(lengths.map((bytes) => asksInLength(t, bytes)));
    },
    { plain: true },
  ),

  check(
    'transport-many-messages-served',
    async (t) => {
      if (t.parlor) await manyPings(t);
      else await manyMessages(t);
    },
    { plain: true },
  ),
];

// Beyond its limit, a ping is answered with an error, which is a reply as well.
async function manyPings(t: Stage): Promise<void> {
  const rate = bucketOf(t.welcome, 'ping');
  if (rate && rate.close_after > 0)
    t.notExercised(`the bucket ${rate.bucket} closes after ${rate.close_after} refusals`);
  const peer = await dial(t);
  // All replies to a batch fit into the queue.
  const { max_queue_bytes } = t.welcome.limits;
  const batch = Math.max(1, Math.min(BATCH, Math.floor(max_queue_bytes / (2 * REPLY))));
  const begun = performance.now();
  let seen = peer.log.length;
  const refs: string[] = [];
  const replies = () => {
    for (; seen < peer.log.length; seen += 1) {
      const ref = peer.log[seen]?.message.ref;
      if (ref !== undefined) refs.push(ref);
    }
    return refs.length;
  };
  for (let sent = 0; sent < MANY; ) {
    const first = sent;
    sent = Math.min(MANY, first + batch);
    const frames = Array.from({ length: sent - first }, (_, index) => ({
      opcode: opcodes.text,
      payload: `{"type":"ping","id":"${first + index}"}`,
    }));
    peer.write(joined(...frames));
    // A server that is far away, or slow, is waited for as long as it goes on.
    for (let before = -1; replies() < sent; ) {
      before = replies();
      const took = performance.now() - begun;
      if (took > SLOW_MS && took * MANY > LONG_MS * Math.max(1, before))
        t.notExercised(
          `the server took ${Math.round(took)} ms for ${before} pings: ${MANY} would take too long`,
        );
      await peer.until(
        () => replies() > before || undefined,
        () => ({
          expected: `a reply to each of ${sent} pings on one connection`,
          actual: `${before} replies came`,
        }),
      );
    }
  }
  t.equal(new Set(refs).size, MANY, `of ${MANY} pings, those that got a reply,`);
}

async function manyMessages(t: Stage): Promise<void> {
  const { peer, ask, echoes } = await probe(t);
  const known = peer.log.length;
  let sent = 0;
  try {
    for (; sent < MANY; sent += BATCH) await batch(peer, ask, BATCH);
  } catch (error) {
    const code = peer.closed?.code ?? 0;
    // An end this early is a limit of its own for what one client may send.
    if (sent < MANY - 2 * BATCH && (code === 1008 || code === 1013 || code >= 3000))
      t.notSeen(`the server ends the connection with ${code} after ${sent} messages`);
    throw error;
  }
  if (echoes)
    t.assert(peer.log.length - known >= MANY, {
      expected: `each of ${MANY} messages comes back`,
      actual: `${peer.log.length - known} came back`,
    });
}
