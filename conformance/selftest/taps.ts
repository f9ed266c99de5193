import { type Frame, type FrameInit, opcodes } from '#conformance/harness/frames.js';
import type { Tap } from './proxy.js';

/** A message as it is written. */
export type Message = Record<string, unknown> & { type: string; data?: Record<string, unknown> };

type Frames = readonly (Frame | FrameInit)[];

/** The message in a text frame; undefined where there is none. */
function read({ opcode, fin, payload }: Frame): Message | undefined {
  if (opcode !== opcodes.text || !fin) return undefined;
  try {
    const value: unknown = JSON.parse(payload.toString());
    return typeof value === 'object' && value !== null && 'type' in value
      ? (value as Message)
      : undefined;
  } catch {
    // What is no message of ours is left as it is.
    return undefined;
  }
}

/** A frame with a message. */
export const written = (message: object): FrameInit => ({
  opcode: opcodes.text,
  payload: JSON.stringify(message),
});

/** Which messages are meant. */
type Which = (message: Message) => boolean;

/** Events of a type: messages that answer nothing. */
export const event =
  (type: string): Which =>
  (message) =>
    message.type === type && message['ref'] === undefined;

/** Replies: messages that answer a request. */
export const reply: Which = (message) => message['ref'] !== undefined;

/** Messages of a type, replies or not. */
export const ofType =
  (type: string): Which =>
  (message) =>
    message.type === type;

/** Messages that have a member in their data. */
export const having =
  (member: string): Which =>
  ({ data }) =>
    data?.[member] !== undefined;

/** Does something to some messages on their way to the client. */
export function messages(which: Which, change: (message: Message, frame: Frame) => Frames): Tap {
  return { toClient: (frame) => changed(frame, which, change) };
}

/** Does something to some messages on their way to the server. */
export function requests(which: Which, change: (message: Message, frame: Frame) => Frames): Tap {
  return { toServer: (frame) => changed(frame, which, change) };
}

function changed(
  frame: Frame,
  which: Which,
  change: (message: Message, frame: Frame) => Frames,
): Frames {
  const message = read(frame);
  return message && which(message) ? change(message, frame) : [frame];
}

/** Rewrites some messages on their way to the client. */
export const rewritten = (which: Which, change: (message: Message) => object): Tap =>
  messages(which, (message) => [written(change(message))]);

/** Rewrites the data of some messages on their way to the client. */
export const withData = (which: Which, change: (data: Record<string, unknown>) => object): Tap =>
  rewritten(which, (message) => ({ ...message, data: change(message.data ?? {}) }));

/** Loses some messages on their way to the client. */
export const lost = (which: Which): Tap => messages(which, () => []);

/** Doubles some messages on their way to the client. */
export const doubled = (which: Which): Tap => messages(which, (_, frame) => [frame, frame]);

/** Holds one message back until another one like it has passed. */
export function swapped(which: Which): Tap {
  let held: Frame | undefined;
  return messages(which, (_, frame) => {
    if (!held) {
      held = frame;
      return [];
    }
    const first = held;
    held = undefined;
    return [frame, first];
  });
}

/** Does something to the frames of an opcode on their way to the client. */
export function framesOf(opcode: number, change: (frame: Frame) => Frames): Tap {
  return { toClient: (frame) => (frame.opcode === opcode ? change(frame) : [frame]) };
}

/** A payload with its last byte turned round. */
export function flipped({ payload, ...frame }: Frame): FrameInit {
  const bytes = Buffer.from(payload);
  const last = bytes.length - 1;
  if (last >= 0) bytes[last] = (bytes[last] ?? 0) ^ 0xff;
  return { ...frame, mask: false, payload: bytes };
}
