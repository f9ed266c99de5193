import Type from 'typebox';
import { ack, closed, event, open, Room, request, User } from './envelope.js';

const Active = Type.Boolean({ description: 'Whether the user is typing.' });

export const typingRequest = request('typing', 'Says that the user types, or has stopped.', {
  room: Room,
  data: open({ active: Active }),
});

export const typingAck = ack('The indicator was accepted.', closed({}), { room: Room });

export const typingEvent = event('typing', 'A user types, or has stopped.', {
  room: Room,
  from: User,
  data: closed({ active: Active, user: User }),
});
