import Type from 'typebox';
import { ack, as, closed, event, Id, Meta, open, request, Text, User } from './envelope.js';
import { Duplicate } from './resume.js';

const Recipient = Type.String({
  description: 'The recipient, 1 to 255 bytes of UTF-8.',
  minLength: 1,
  maxLength: 255,
});

export const directRequest = request('direct', 'Says something to one user.', {
  data: open({ to: Recipient, text: Text, meta: Type.Optional(Meta) }),
});

export const directAck = ack(
  'The text was handed to the recipient’s connections.',
  closed({ id: as(Id, 'The event’s id.'), duplicate: Duplicate }),
  {},
);

export const directEvent = event('direct', 'Somebody said something to this user.', {
  id: as(Id, 'The event’s unique id.'),
  from: User,
  data: closed({ to: as(User, 'The recipient.'), text: Text, meta: Type.Optional(Meta) }),
});
