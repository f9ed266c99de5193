import Type from 'typebox';
import { closed, exactly, Id, open, Room, Seq, Timestamp, User } from './envelope.js';

const ApplicationType = Type.String({
  description: 'A type of the application.',
  ...exactly('x\\.[a-z0-9_]+(\\.[a-z0-9_]+)*'),
  maxLength: 64,
});
const Data = Type.Unsafe<Record<string, unknown>>({
  description: 'What the application documents.',
  type: 'object',
});

export const applicationRequest = open(
  {
    type: ApplicationType,
    id: Type.Optional(Id),
    room: Type.Optional(Room),
    data: Type.Optional(Data),
  },
  { description: 'A request that the application defines.' },
);

export const applicationAck = closed(
  {
    type: Type.Literal('ack'),
    timestamp: Timestamp,
    ref: Id,
    room: Type.Optional(Room),
    data: Data,
  },
  { description: 'A request of the application was accepted.' },
);

export const applicationEvent = closed(
  {
    type: ApplicationType,
    timestamp: Timestamp,
    id: Type.Optional(Id),
    room: Type.Optional(Room),
    from: Type.Optional(User),
    seq: Type.Optional(Seq),
    data: Data,
  },
  { description: 'An event that the application defines.' },
);
