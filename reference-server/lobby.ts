import type { Item, Who } from './broker/broker.js';
import type { Connection, Core, LocalRoom, Outgoing } from './state.js';

/** The connection, as the broker knows it. */
export function who(connection: Connection): Who {
  return { user: connection.grant.user, connection: connection.id };
}

/** The room's members on this instance; an unknown room is opened. */
function open(core: Core, name: string): LocalRoom {
  let room = core.rooms.get(name);
  if (!room) {
    room = { name, members: new Set(), waiting: new Map(), rev: 0, batch: null };
    core.rooms.set(name, room);
  }
  return room;
}

/** Forgets a room that nobody is in and nobody is about to enter. */
function tidy(core: Core, room: LocalRoom): void {
  if (room.members.size === 0 && room.waiting.size === 0) core.rooms.delete(room.name);
}

/** A join is under way: what the room says from now on is kept until it is decided. */
export function expect(core: Core, connection: Connection, name: string): void {
  const room = open(core, name);
  if (!room.members.has(connection)) room.waiting.set(connection, []);
}

/** The join came to nothing. */
export function giveUp(core: Core, connection: Connection, name: string): void {
  const room = core.rooms.get(name);
  if (room?.waiting.delete(connection)) tidy(core, room);
}

/** The join took effect at `rev`: what came after it is delivered, then everything live. */
export function enter(core: Core, connection: Connection, name: string, rev: number): void {
  const room = open(core, name);
  const kept = room.waiting.get(connection) ?? [];
  room.waiting.delete(connection);
  if (room.members.has(connection)) return;
  for (const item of kept)
    if (item.rev > rev && item.except !== connection.grant.user) send(core, connection, item);
  room.members.add(connection);
  room.rev = Math.max(room.rev, rev);
  connection.rooms.set(name, rev);
  core.out.entered(room, connection);
}

/** No further item of the room reaches the connection. */
export function leave(core: Core, connection: Connection, name: string): void {
  const room = core.rooms.get(name);
  connection.rooms.delete(name);
  if (!room) return;
  core.out.leaving(room);
  room.members.delete(connection);
  room.waiting.delete(connection);
  tidy(core, room);
}

/** Delivers an item to those of its room's members who are owed it. */
export function deliver(core: Core, item: Item): void {
  const room = core.rooms.get(item.room);
  if (!room || untold(core, item)) return;
  for (const kept of room.waiting.values()) kept.push(item);
  const audience = core.parts.rooms.audience(core, room, item);
  if (audience === 'members' && room.members.size === 0) return;
  const frame = core.parts.messages.encode(core, item.message, item.payload);
  if (audience !== 'members') for (const member of audience) member.link.send(frame);
  else if (item.rev > room.rev) core.out.room(room, frame, item.except);
  else
    for (const member of room.members)
      if (item.rev > (member.rooms.get(room.name) ?? 0) && item.except !== member.grant.user)
        member.link.send(frame);
}

/** While the server drains, nobody is told of the leaving that it causes. */
function untold({ draining, parts }: Core, { message }: Item): boolean {
  if (!draining || parts.shutdown.tellsLeaves || message.type !== 'leave') return false;
  return draining.users.has(String(message.data['user']));
}

/** Delivers a message that belongs to no room. */
export function deliverTo(core: Core, audience: Iterable<Connection>, message: Outgoing): void {
  const frame = core.parts.messages.encode(core, message, undefined);
  for (const connection of audience) connection.link.send(frame);
}

function send(core: Core, connection: Connection, { message, payload }: Item): void {
  connection.link.send(core.parts.messages.encode(core, message, payload));
}

/** Whether a user has a connection of this instance in the room, beside `apart`. */
export function present(core: Core, user: string, room: string, apart: Connection | null): boolean {
  for (const connection of core.users.get(user) ?? [])
    if (connection !== apart && connection.rooms.has(room)) return true;
  return false;
}
