import Type from 'typebox';
import { MOST_LISTED } from './bounds.js';
import { demands } from './conditions.js';
import { ack, as, Count, closed, event, open, Positive, Room, request, User } from './envelope.js';
import { Epoch, Since } from './resume.js';

const Members = Type.Array(User, {
  description: 'Users in the room, at most `limits.max_listed_members`.',
  maxItems: MOST_LISTED,
});
const Truncated = Type.Optional(
  Type.Literal(true, { description: 'Present when the room has more members than are listed.' }),
);
const MemberCount = as(Positive, 'Users in the room, listed or not.');

export const joinRequest = request(
  'join',
  'Asks to enter a room; without the profile `resume`, `since` is an unknown member and ignored.',
  {
    room: Room,
    data: Type.Optional(open({ since: Type.Optional(Since) })),
  },
);

export const joinAck = ack(
  'The room as it is when the connection enters it; its events follow.',
  closed(
    {
      members: Members,
      count: MemberCount,
      truncated: Truncated,
      seq: as(Count, 'The last `seq` of the room; 0: none yet.'),
      epoch: Epoch,
      recovered: Type.Optional(
        Type.Boolean({ description: 'Whether all that was missed since `since` is replayed.' }),
      ),
      replayed: Type.Optional(as(Count, 'How many events are replayed; 0 unless recovered.')),
    },
    {
      allOf: [demands({ recovered: true }, 'replayed'), demands({ replayed: true }, 'recovered')],
    },
  ),
  { room: Room },
);

export const joinEvent = event('join', 'A user’s first connection entered the room.', {
  room: Room,
  from: Type.Optional(as(User, 'The same as `data.user`.')),
  data: closed({ user: User }),
});

export const leaveRequest = request('leave', 'Asks to leave a room.', {
  room: Room,
  data: Type.Optional(open({})),
});

export const leaveAck = ack('No event of the room follows.', closed({}), { room: Room });

export const leaveEvent = event('leave', 'A user’s last connection left the room.', {
  room: Room,
  from: Type.Optional(as(User, 'The same as `data.user`.')),
  data: closed({
    user: User,
    reason: Type.Enum(['left', 'disconnected', 'removed', 'unauthorized'], {
      description: 'Why it left.',
    }),
  }),
});

export const membersRequest = request('members', 'Asks who is in a room.', {
  room: Room,
  data: Type.Optional(open({})),
});

export const membersAck = ack(
  'The users in the room.',
  closed({ members: Members, count: MemberCount, truncated: Truncated }),
  { room: Room },
);
