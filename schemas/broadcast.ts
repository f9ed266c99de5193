import Type from 'typebox';
import { ack, as, closed, event, Id, Meta, open, request, Text, User } from './envelope.js';
import { Duplicate } from './resume.js';

export const broadcastRequest = request('broadcast', 'Says something to every connection.', {
  data: open({ text: Text, meta: Type.Optional(Meta) }),
});

export const broadcastAck = ack(
  'The text was accepted.',
  closed({ id: as(Id, 'The event’s id.'), duplicate: Duplicate }),
  {},
);

export const broadcastEvent = event('broadcast', 'Somebody said something to everybody.', {
  id: as(Id, 'The event’s unique id.'),
  from: User,
  data: closed({ text: Text, meta: Type.Optional(Meta) }),
});
