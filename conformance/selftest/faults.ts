import { closePayload, opcodes } from '#conformance/harness/frames.js';
import type { RuleId } from '#conformance/harness/requirements.js';
import type { TapFactory } from './proxy.js';
import {
  doubled,
  event,
  flipped,
  framesOf,
  having,
  lost,
  messages,
  ofType,
  reply,
  requests,
  rewritten,
  swapped,
  withData,
} from './taps.js';

/** Something wrong that a proxy makes of any right server. */
export interface Fault {
  name: string;
  /** What happens, in one sentence. */
  text: string;
  /** The rules that it breaks: the check of one of them has to notice. */
  rules: readonly RuleId[];
  make: TapFactory;
}

const text = (value: unknown) => String(value ?? '');

const refuse = (head: string) =>
  /[?&]token=|^authorization:|^cookie:|[?&]auth=/im.test(head)
    ? { head }
    : { answer: 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n' };

// A copy for every other connection.
function spread(type: string): TapFactory {
  return (line, others) =>
    messages(event(type), (_, frame) => {
      const copy = { ...frame, mask: false };
      for (const other of others) if (other !== line) other.send(copy);
      return [frame];
    });
}

/** Every fault, the plainest first. */
export const faults: readonly Fault[] = [
  {
    name: 'lost-event',
    text: 'Chat events are lost on their way to the members.',
    rules: ['chat-delivered-to-members', 'chat-echoed-to-sender'],
    make: () => lost(event('chat')),
  },
  {
    name: 'doubled-event',
    text: 'Chat events arrive twice.',
    rules: ['chat-delivered-once'],
    make: () => doubled(event('chat')),
  },
  {
    name: 'swapped-events',
    text: 'Of two chat events the later arrives first.',
    rules: ['chat-order-shared', 'chat-sender-order'],
    make: () => swapped(event('chat')),
  },
  {
    name: 'altered-text',
    text: 'The text of a chat has a character more.',
    rules: ['chat-text-exact'],
    make: () => withData(event('chat'), (data) => ({ ...data, text: `${text(data['text'])} ` })),
  },
  {
    name: 'forged-sender',
    text: 'Chat events come from somebody who did not send them.',
    rules: ['chat-from-verified'],
    make: () => rewritten(event('chat'), (message) => ({ ...message, from: 'mallory' })),
  },
  {
    name: 'other-event-id',
    text: 'Chat events have another id than their acks say.',
    rules: ['chat-ack-matches-event'],
    make: () =>
      rewritten(event('chat'), (message) => ({ ...message, id: `${text(message['id'])}x` })),
  },
  {
    name: 'holes-in-seq',
    text: 'The seq of events grows by two.',
    rules: ['chat-seq-increments', 'chat-ack-matches-event'],
    make: () =>
      rewritten(event('chat'), (message) => ({ ...message, seq: 2 * Number(message['seq']) })),
  },
  {
    name: 'leaked-event',
    text: 'Chat events reach connections outside the room.',
    rules: ['rooms-no-leak-to-strangers'],
    make: spread('chat'),
  },
  {
    name: 'lost-join',
    text: 'Nobody hears that somebody joined.',
    rules: ['rooms-presence-join'],
    make: () => lost(event('join')),
  },
  {
    name: 'lost-leave',
    text: 'Nobody hears that somebody left.',
    rules: ['rooms-presence-leave', 'rooms-presence-reason-left'],
    make: () => lost(event('leave')),
  },
  {
    name: 'ghost-member',
    text: 'Members are listed who are not there.',
    rules: ['rooms-members-no-ghosts', 'rooms-count-users', 'rooms-members-complete'],
    make: () =>
      withData(having('members'), (data) => ({
        ...data,
        members: [...(data['members'] as string[]), 'ghost'],
        count: Number(data['count']) + 1,
      })),
  },
  {
    name: 'missing-member',
    text: 'The last of the members is not listed.',
    rules: ['rooms-members-complete', 'rooms-count-users'],
    make: () =>
      withData(having('members'), (data) => ({
        ...data,
        members: (data['members'] as string[]).slice(0, -1),
      })),
  },
  {
    name: 'lost-typing',
    text: 'Nobody hears that somebody types.',
    rules: ['typing-relayed'],
    make: () => lost(event('typing')),
  },
  {
    name: 'lost-reply',
    text: 'Acks are lost.',
    rules: ['messages-one-reply', 'chat-acked'],
    make: () => lost(ofType('ack')),
  },
  {
    name: 'doubled-reply',
    text: 'Replies arrive twice.',
    rules: ['messages-one-reply'],
    make: () => doubled(reply),
  },
  {
    name: 'swapped-replies',
    text: 'Of two replies the later arrives first.',
    rules: ['messages-reply-order'],
    make: () => swapped(reply),
  },
  {
    name: 'reply-without-ref',
    text: 'Replies do not say what they answer.',
    rules: ['messages-one-reply', 'chat-acked'],
    make: () => rewritten(reply, ({ ref: _, ...message }) => message),
  },
  {
    name: 'altered-pong',
    text: 'The data of a pong is not that of its ping.',
    rules: ['messages-pong-data-equal'],
    make: () => withData(ofType('pong'), (data) => ({ ...data, extra: true })),
  },
  {
    name: 'rough-timestamp',
    text: 'Timestamps have no milliseconds.',
    rules: ['messages-timestamp-form'],
    make: () =>
      rewritten(
        () => true,
        (message) => ({
          ...message,
          timestamp: text(message['timestamp']).replace(/\.\d+Z$/, 'Z'),
        }),
      ),
  },
  {
    name: 'other-error-code',
    text: 'Every error has the code internal_error.',
    rules: ['errors-unknown-type', 'errors-invalid-json'],
    make: () => withData(ofType('error'), (data) => ({ ...data, code: 'internal_error' })),
  },
  {
    name: 'lost-request',
    text: 'Requests to chat are lost.',
    rules: ['messages-one-reply', 'chat-acked'],
    make: () => requests(ofType('chat'), () => []),
  },
  {
    name: 'doubled-request',
    text: 'Requests reach the server twice.',
    rules: ['messages-one-reply', 'chat-delivered-once'],
    make: () => requests(ofType('chat'), (_, frame) => [frame, frame]),
  },
  {
    name: 'doubled-welcome',
    text: 'The welcome comes twice.',
    rules: ['handshake-welcome-once'],
    make: () => doubled(ofType('welcome')),
  },
  {
    name: 'missing-subprotocol',
    text: 'The offered subprotocol is not echoed.',
    rules: ['handshake-subprotocol-selected'],
    make: () => ({
      response: (head) => head.replace(/^sec-websocket-protocol:.*\r\n/gim, ''),
    }),
  },
  {
    name: 'refused-before-accept',
    text: 'A connection without credentials is answered with HTTP 403, as the tutorials do.',
    rules: ['handshake-refusal-after-accept'],
    make: () => ({ request: refuse }),
  },
  {
    name: 'other-close-code',
    text: 'Every close has the code 1008.',
    rules: ['handshake-refusal-after-accept', 'handshake-sentinel-closes-4002'],
    make: () =>
      framesOf(opcodes.close, (frame) => [
        { ...frame, mask: false, payload: closePayload(1008, frame.payload.subarray(2)) },
      ]),
  },
  {
    name: 'lost-close',
    text: 'Close frames are lost, so that the code is 1006.',
    rules: ['handshake-refusal-after-accept', 'transport-close-code-answered'],
    make: () => framesOf(opcodes.close, () => []),
  },
  {
    name: 'lost-heartbeat',
    text: 'The Pings of the server are lost.',
    rules: ['heartbeat-ping-sent'],
    make: () => framesOf(opcodes.ping, () => []),
  },
  {
    name: 'damaged-pong',
    text: 'A Pong has other bytes than its Ping.',
    rules: ['transport-ping-payload-echoed'],
    make: () => framesOf(opcodes.pong, (frame) => [flipped(frame)]),
  },
  {
    name: 'masked-frames',
    text: 'The server masks its frames.',
    rules: ['transport-server-frames-well-formed'],
    make: () => ({ toClient: (frame) => [{ ...frame, mask: true }] }),
  },
  {
    name: 'broken-text',
    text: 'Text messages end in a byte that is no UTF-8.',
    rules: ['messages-json-object', 'transport-server-frames-well-formed'],
    make: () =>
      messages(event('chat'), (_, frame) => [
        { ...frame, mask: false, payload: Buffer.concat([frame.payload, Buffer.of(0xff)]) },
      ]),
  },
  {
    name: 'direct-to-everybody',
    text: 'A direct message reaches everybody.',
    rules: ['direct-reaches-nobody-else'],
    make: spread('direct'),
  },
  {
    name: 'damaged-binary',
    text: 'The last byte of a binary message is another.',
    rules: ['binary-payload-identical'],
    make: () => framesOf(opcodes.binary, (frame) => [flipped(frame)]),
  },
  {
    name: 'unmarked-replay',
    text: 'Replayed events look like live ones.',
    rules: ['resume-replay-marked'],
    make: () =>
      withData(
        ({ data }) => data?.['replay'] !== undefined,
        ({ replay: _, ...data }) => data,
      ),
  },
];
