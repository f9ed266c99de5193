import Type from 'typebox';
import { ack, as, closed, event, Id, Meta, open, Room, request, Seq, User } from './envelope.js';
import { Duplicate, Replay } from './resume.js';

const Header = {
  content_type: Type.Optional(
    Type.String({ description: 'Media type of the payload.', minLength: 1, maxLength: 255 }),
  ),
  name: Type.Optional(Type.String({ description: 'A file name.', minLength: 1, maxLength: 255 })),
  meta: Type.Optional(Meta),
};

export const binaryRequest = request('binary', 'The header of a binary frame to a room.', {
  room: Room,
  data: Type.Optional(open(Header)),
});

export const binaryAck = ack(
  'The payload was accepted.',
  closed({
    id: as(Id, 'The event’s id.'),
    seq: as(Seq, 'The event’s place in the room.'),
    duplicate: Duplicate,
  }),
  { room: Room },
);

export const binaryEvent = event('binary', 'The header of a binary frame from a room.', {
  id: as(Id, 'The event’s unique id.'),
  room: Room,
  from: User,
  seq: Seq,
  data: closed({ ...Header, replay: Replay }),
});
