import type { Message } from '#conformance/harness/message.js';
import type { Faulty } from './trace.js';

/** A message that is wrong in one way, and what is to become of it. */
export interface Mistake extends Faulty {
  /** What is wrong, in a few words. */
  label: string;
  /** The message without its `id`; as a string, the text itself. */
  message: (room: string) => Message | string;
}

/** The mistakes that the operation `fault` makes. */
export const mistakes: readonly Mistake[] = [
  {
    label: 'a text below its limit',
    rule: 'limits-text-empty-refused',
    codes: ['invalid_payload'],
    message: (room) => ({ type: 'chat', room, data: { text: '' } }),
  },
  {
    label: 'an unknown type',
    rule: 'errors-unknown-type',
    codes: ['unknown_type'],
    message: (room) => ({ type: 'no_such_type', room, data: {} }),
  },
  {
    label: 'text that is not JSON',
    rule: 'errors-invalid-json',
    codes: ['invalid_json'],
    message: (room) => `{"type":"chat","room":"${room}","data":{"text":"`,
  },
  {
    label: 'a malformed type',
    rule: 'errors-type-malformed',
    codes: ['invalid_envelope'],
    message: (room) => ({ type: 'Chat Room', room, data: {} }),
  },
  {
    label: 'data that is no object',
    rule: 'errors-data-malformed',
    codes: ['invalid_envelope'],
    message: (room) => ({ type: 'leave', room, data: [] as unknown as Message['data'] }),
  },
  {
    label: 'a room type without room',
    rule: 'errors-room-missing',
    codes: ['invalid_payload'],
    message: () => ({ type: 'join', data: {} }),
  },
  {
    label: 'a type that only servers send',
    rule: 'errors-server-type-unknown',
    codes: ['unknown_type'],
    message: (room) => ({ type: 'welcome', room, data: {} }),
  },
  {
    label: 'typing without active',
    rule: 'typing-active-required',
    codes: ['invalid_payload'],
    message: (room) => ({ type: 'typing', room, data: {} }),
  },
];
