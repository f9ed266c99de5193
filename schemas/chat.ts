import Type from 'typebox';
import {
  ack,
  as,
  closed,
  event,
  Id,
  Meta,
  open,
  Room,
  request,
  Seq,
  Text,
  User,
} from './envelope.js';
import { Duplicate, Replay } from './resume.js';

export const chatRequest = request('chat', 'Says something to a room.', {
  room: Room,
  data: open({ text: Text, meta: Type.Optional(Meta) }),
});

export const chatAck = ack(
  'The text was accepted.',
  closed({
    id: as(Id, 'The event’s id.'),
    seq: as(Seq, 'The event’s place in the room.'),
    duplicate: Duplicate,
  }),
  { room: Room },
);

export const chatEvent = event('chat', 'Somebody said something.', {
  id: as(Id, 'The event’s unique id.'),
  room: Room,
  from: User,
  seq: Seq,
  data: closed({ text: Text, meta: Type.Optional(Meta), replay: Replay }),
});
