import Type from 'typebox';
import { as, Count, closed, event, Id, open, Room, Seq } from './envelope.js';

export const Epoch = as(Id, 'Names one unbroken run of `seq`.');

export const Since = open(
  {
    epoch: Type.String({ description: 'The epoch that the last `ack` of `join` named.' }),
    seq: as(Count, 'The last `seq` that was received; 0: none.'),
  },
  { description: 'Where a returning client stopped; with the profile `resume`.' },
);

export const Duplicate = Type.Optional(
  Type.Literal(true, { description: 'The request had been accepted before; nothing happened.' }),
);

export const Replay = Type.Optional(Type.Literal(true, { description: 'The event is a replay.' }));

export const gapEvent = event('gap', 'Events of this room may have been lost.', {
  room: Room,
  data: closed({
    from_seq: as(Seq, 'The first `seq` that may be lost.'),
    to_seq: Type.Union([Seq, Type.Null()], {
      description: 'The last `seq` that may be lost; null: not known.',
    }),
    epoch: as(Epoch, 'The epoch of both.'),
  }),
});
