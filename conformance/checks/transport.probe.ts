import { encodeFrame, type FrameInit, opcodes } from '#conformance/harness/frames.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { ConnectOptions, Stage } from '#conformance/harness/stage.js';
import { Violation } from '#conformance/harness/verdict.js';

/** A text whose answer is known beforehand. */
export interface Question {
  text: string;
  /** Waits for the answer. */
  answered(): Promise<void>;
}

/** Asks questions of a kind that the target answers. */
export type Ask = (content?: string) => Question;

const LOOKS = 80;
const LOOK_MS = 10;

let count = 0;

/** Connects with valid credentials where the target has any, whatever else the opening handshake says. */
export function dial(
  { connect, mint, parlor }: Stage,
  label = 'ann',
  options: ConnectOptions = {},
): Promise<Peer> {
  return connect(label, { ...(parlor && { token: mint(label) }), ...options });
}

/** Connects, and learns what the target answers: a `ping` of Parlor's, an echo, or nothing but a Ping frame. */
export async function probe(
  t: Stage,
  label = 'ann',
  options: ConnectOptions = {},
): Promise<{ peer: Peer; ask: Ask; echoes: boolean }> {
  const peer = await dial(t, label, options);
  if (t.parlor) return { peer, ask: (content) => parlorPing(t, peer, content), echoes: true };
  const echoes = await learn(t, peer);
  return { peer, ask: (content) => (echoes ? echo : alive)(peer, content), echoes };
}

function compose(content = 'parlor'): { id: string; text: string } {
  count += 1;
  const id = `t${count}`;
  return { id, text: JSON.stringify({ type: 'ping', id, data: { fill: content } }) };
}

function parlorPing(t: Stage, peer: Peer, content = 'parlor'): Question {
  const { id, text } = compose(content);
  return {
    text,
    async answered() {
      const pong = await peer.reply(id, 'ping');
      t.equal(pong.type, 'pong', 'the type of the reply to the ping');
      t.equal(pong.data, { fill: content }, 'the `data` of the pong');
    },
  };
}

function echo(peer: Peer, content?: string): Question {
  const { text } = compose(content);
  const comes = ear(peer, text);
  return {
    text,
    async answered() {
      await peer.until(
        () => comes() || undefined,
        () => ({
          expected: `the message comes back, as messages in one frame do: ${text.slice(0, 200)}`,
          actual: `it did not come back; ${peer.log.length} messages came in all`,
        }),
      );
    },
  };
}

function alive(peer: Peer, content?: string): Question {
  return { text: compose(content).text, answered: () => peer.echoesPing() };
}

// Tells whether a message with this text has come from now on; it looks at each message once.
function ear(peer: Peer, text: string): () => boolean {
  let at = peer.log.length;
  let heard = false;
  return () => {
    for (; !heard && at < peer.log.length; at += 1)
      heard = peer.log[at]?.raw.includes(text) ?? false;
    return heard;
  };
}

// Whatever it answers, an echo is known when it is seen. What takes longer is asked for less.
async function learn(t: Stage, peer: Peer): Promise<boolean> {
  const { text } = compose();
  const heard = ear(peer, text);
  peer.sendText(text);
  for (let look = 0; look < LOOKS && !heard() && !peer.closed; look += 1) await t.pause(LOOK_MS);
  if (peer.closed)
    t.notExercised(`the server ends the connection on a message that it does not know: ${text}`);
  return heard();
}

const STILL = 'still there?';

/** How a server has to fail a connection. */
interface Refusal {
  label?: string;
  /** The codes that are right. */
  codes?: readonly number[];
  /** The usual cause where it does not. */
  hint?: string;
}

/**
 * Sends what a server has to fail the connection for, and a Ping behind it: its Pong says that all of it was read.
 */
export async function refused(
  t: Stage,
  what: string,
  frames: readonly FrameInit[],
  { label = 'ann', codes = [1002], hint }: Refusal = {},
): Promise<void> {
  const peer = await dial(t, label);
  const known = peer.concerning.length;
  const closing = frames.some(({ opcode }) => opcode === opcodes.close);
  for (const frame of frames) peer.sendFrame(frame);
  if (!closing) peer.sendFrame({ opcode: opcodes.ping, payload: STILL });
  const expected = [
    `after ${what}: a Close frame with ${codes.join(' or ')}, then the end of TCP`,
    'the end of TCP without a Close frame',
  ];
  // The Pong may overtake the Close frame where one part of a server reads frames and another judges messages.
  const pongs = () => peer.pongsReceived.map(({ payload }) => payload.toString());
  const closed = await peer.until(
    () => peer.closed,
    () => ({
      expected,
      actual: `the connection was kept${pongs().includes(STILL) ? ': a Ping sent afterwards was answered, and no Close frame followed' : ''}`,
      hint,
    }),
    { outlivesClose: true },
  );
  if (closed.by === 'frame' && !codes.includes(closed.code))
    throw new Violation({ expected, actual: `the server ${closed.detail}` });
  // On a server that is not Parlor a message may be about something else.
  const replies = t.parlor ? peer.concerning.slice(known).map(({ message }) => message.type) : [];
  const answers = pongs().filter((payload) => payload !== STILL);
  const given = [...answers.map(() => 'a Pong frame'), ...replies];
  if (given.length > 0)
    throw new Violation({
      expected: [`no answer to ${what}`, ...expected],
      actual: `the server sent ${given.join(', ')} before the end`,
    });
}

/** Lets a broken rule say its usual cause. */
export async function hinted<T>(promise: Promise<T>, hint: string): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    if (!(error instanceof Violation) || error.hint !== undefined) throw error;
    throw new Violation({ expected: error.expected, actual: error.actual, hint }, error.root);
  }
}

/** Several frames as one piece of bytes. */
export function joined(...frames: readonly FrameInit[]): Buffer {
  return Buffer.concat(frames.map(encodeFrame));
}

/** A message in fragments that are cut at these offsets of its bytes; an offset twice makes an empty fragment. */
export function fragments(text: string, cuts: readonly number[]): FrameInit[] {
  const bytes = Buffer.from(text);
  const edges = [0, ...cuts, bytes.length];
  return edges.slice(1).map((to, index) => ({
    opcode: index === 0 ? opcodes.text : opcodes.continuation,
    payload: bytes.subarray(edges[index], to),
    fin: index === edges.length - 2,
  }));
}
