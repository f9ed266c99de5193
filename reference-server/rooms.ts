import type { Item, Joined, Snapshot, Who } from './broker/broker.js';
import { type Instant, timestamp } from './clock.js';
import { refuse } from './errors.js';
import { expect, giveUp, who } from './lobby.js';
import { after } from './maybe.js';
import { reply } from './messages.js';
import type {
  Connection,
  Core,
  Effect,
  Gate,
  Grant,
  LeaveReason,
  LocalRoom,
  Outgoing,
  Request,
  Step,
} from './state.js';
import { farewell } from './typing.js';

/** The decisions of the chapter `rooms`. */
export interface RoomsParts {
  /** Whether the grant allows the room. */
  allowed(grant: Grant, room: string): boolean;
  /** Whether the connection may speak in the room. */
  isMember(connection: Connection, room: string): boolean;
  /** The name under which two requests mean the same room. */
  name(room: string): string;
  /** Who a connection counts as among the present: the user. */
  presenceOf(who: Who): string;
  /** Whether the others are told `join`, given how many connections the user had in the room before. */
  announcesJoin(before: number): boolean;
  /** Whether the others are told `leave`, given how many connections the user has left in the room. */
  announcesLeave(remaining: number): boolean;
  /** The `join` event. */
  joinEvent(room: string, user: string, at: Instant): Outgoing;
  /** The `leave` event. */
  leaveEvent(room: string, user: string, reason: LeaveReason, at: Instant): Outgoing;
  /** Who is not told of a user's coming and going. */
  presenceExcept(user: string): string | undefined;
  /** The present users as `members`, `count` and `truncated` tell them, at most so many; `own` is listed in any case. */
  snapshot(present: ReadonlyMap<string, unknown>, most: number, own?: string): Snapshot;
  /** Who on this instance is told an item: `members` without the item's `except`, or exactly these. */
  audience(core: Core, room: LocalRoom, item: Item): 'members' | Iterable<Connection>;
  /** The `data` of the `ack` of a `join`. */
  joinAck(joined: Joined): Readonly<Record<string, unknown>>;
  /** What a completed join does, in order: the reply comes first, then the replay, then live delivery. */
  welcomeIn(reply: readonly Effect[], past: readonly Effect[], enter: Effect): readonly Effect[];
  /** What a completed leave does, in order. */
  showOut(leave: Effect, reply: readonly Effect[]): readonly Effect[];
  /** The rooms a closed connection is taken out of. */
  vacated(connection: Connection): Iterable<string>;
}

const present = ({ members, count }: Snapshot) => ({
  members,
  count,
  ...(members.length < count ? { truncated: true } : {}),
});

/** As the specification has it. */
export const rooms: RoomsParts = {
  allowed: (grant, room) => grant.rooms === null || grant.rooms.includes(room),
  isMember: (connection, room) => connection.rooms.has(room),
  name: (room) => room,
  presenceOf: (who) => who.user,
  announcesJoin: (before) => before === 0,
  announcesLeave: (remaining) => remaining === 0,
  joinEvent: (room, user, at) => ({
    type: 'join',
    room,
    timestamp: timestamp(at.wall),
    data: { user },
  }),
  leaveEvent: (room, user, reason, at) => ({
    type: 'leave',
    room,
    timestamp: timestamp(at.wall),
    data: { user, reason },
  }),
  presenceExcept: (user) => user,
  snapshot(users, most, own) {
    const members = own !== undefined && users.size > most ? [own] : [];
    for (const user of users.keys()) {
      if (members.length === most) break;
      if (user !== members[0]) members.push(user);
    }
    return { members, count: users.size };
  },
  audience: () => 'members',
  joinAck: (joined) => ({ ...present(joined), seq: joined.seq, epoch: joined.epoch }),
  welcomeIn: (reply, past, enter) => [...reply, ...past, enter],
  showOut: (leave, reply) => [leave, ...reply],
  vacated: (connection) => connection.rooms.keys(),
};

const room = (core: Core, request: Request) => core.parts.rooms.name(request.room ?? '');

/** `join`: enter the room, then tell what it is like. */
export const join: Step = (core, connection, { request, at }) => {
  const name = room(core, request);
  const { parts } = core;
  const since = core.config.features.has('resume') ? parts.resume.since(request) : null;
  expect(core, connection, name);
  return after(
    core.broker.join(name, who(connection), since, at),
    (joined) => {
      if (connection.phase === 'ended') {
        giveUp(core, connection, name);
        const partings = [{ room: name, farewell: null }];
        return after(core.broker.exit(who(connection), partings, 'disconnected', at), () => []);
      }
      const past = since ? parts.resume.recover(joined, since) : null;
      const data = { ...parts.rooms.joinAck(joined), ...past?.ack };
      return parts.rooms.welcomeIn(
        reply(core, request, 'ack', data, at),
        past && past.events.length > 0 ? [{ do: 'replay', events: past.events }] : [],
        { do: 'enter', room: name, rev: joined.rev },
      );
    },
    () => giveUp(core, connection, name),
  );
};

/** `leave`: nothing of the room after the reply. */
export const leave: Step = (core, connection, { request, at }) => {
  const name = room(core, request);
  const acked = () => reply(core, request, 'ack', {}, at);
  if (!connection.rooms.has(name)) return acked();
  const parting = { room: name, farewell: farewell(core, connection, name, at) };
  return after(core.broker.leave(parting, who(connection), 'left', at), () =>
    core.parts.rooms.showOut({ do: 'leave', room: name }, acked()),
  );
};

/** `members`: who is in the room. */
export const members: Step = (core, _connection, { request, at }) =>
  after(core.broker.members(room(core, request)), (snapshot) =>
    reply(core, request, 'ack', present(snapshot), at),
  );

/** Refuses a room that the grant does not allow. */
export const permissionGate: Gate = (core, connection, { request, at }) => {
  const { type } = request;
  if (type === 'broadcast' && !core.parts.broadcast.allowed(connection.grant))
    return refuse(core, connection, request, at, 'forbidden', 'The token does not allow this.');
  if (request.room === undefined || type === 'leave' || !entersRoom.has(type)) return null;
  if (core.parts.rooms.allowed(connection.grant, request.room)) return null;
  return refuse(core, connection, request, at, 'forbidden', 'The token does not allow this room.');
};

const needsMembership = new Set(['members', 'chat', 'typing', 'binary']);
const entersRoom = new Set(['join', ...needsMembership]);

/** Refuses one room too many. */
export const roomGate: Gate = (core, connection, { request, at }) => {
  if (request.type !== 'join' || connection.rooms.has(room(core, request))) return null;
  if (core.parts.limits.roomLeft(connection, core.config)) return null;
  const text = `The connection is in ${core.config.limits.max_rooms} rooms, and may be in no more.`;
  return refuse(core, connection, request, at, 'too_many_rooms', text);
};

/** Refuses what only members may do. */
export const membershipGate: Gate = (core, connection, { request, at }) => {
  if (!needsMembership.has(request.type)) return null;
  if (core.parts.rooms.isMember(connection, room(core, request))) return null;
  return refuse(core, connection, request, at, 'not_in_room', 'Join the room first.');
};
