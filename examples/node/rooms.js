// Rooms: who is in them, who is typing, and what everybody is told.
import { randomUUID } from 'node:crypto';
import { limits, typingTtlMs } from './config.js';
import { encode } from './messages.js';

/** All rooms that have a member. */
const rooms = new Map();

/** The room of that name; a room that was left by all begins anew. */
export function roomOf(name) {
  if (!rooms.has(name)) rooms.set(name, new Room(name));
  return rooms.get(name);
}

// #region room
/** Membership belongs to a connection, presence to its user. No step waits for anything, so each is one instant. */
class Room {
  epoch = randomUUID();
  seq = 0;
  members = new Map(); // user -> connections
  typing = new Map(); // user -> timer

  constructor(name) {
    this.name = name;
  }

  join(connection, id) {
    const { user } = connection;
    const came = !this.members.has(user);
    if (came) this.members.set(user, new Set());
    this.members.get(user).add(connection);
    connection.rooms.add(this);
    // The snapshot is taken in the instant of joining, and goes out before any event of the room.
    connection.reply(id, this, { ...this.list(user), seq: this.seq, epoch: this.epoch });
    if (came) this.tell('join', { user }, {}, user);
  }

  leave(connection, reason, silent = false) {
    const { user } = connection;
    if (!connection.rooms.delete(this)) return;
    this.members.get(user).delete(connection);
    if (this.members.get(user).size > 0) return; // another connection of the user stays
    this.members.delete(user);
    this.setTyping(user, false, silent);
    if (!silent) this.tell('leave', { user, reason });
    if (this.members.size === 0) rooms.delete(this.name);
  }

  chat(connection, id, { text, meta }) {
    this.setTyping(connection.user, false);
    const event = { id: randomUUID(), from: connection.user, seq: ++this.seq };
    connection.reply(id, this, { id: event.id, seq: event.seq });
    this.tell('chat', { text, meta }, event); // built anew: nothing else that the client sent is relayed
  }

  /** Queues one event for every member, those of one user left out; encoded once, not once for each. */
  tell(type, data, envelope = {}, except = undefined) {
    const frame = encode(type, data, { room: this.name, ...envelope });
    for (const [user, connections] of this.members)
      if (user !== except) for (const connection of connections) connection.deliver(frame);
  }

  list(asker) {
    const users = [asker, ...[...this.members.keys()].filter((user) => user !== asker)];
    const most = limits.max_listed_members;
    const truncated = users.length > most ? true : undefined;
    return { members: users.slice(0, most), count: users.length, truncated };
  }
  // #endregion room

  setTyping(user, active, silent = false) {
    const before = this.typing.get(user);
    clearTimeout(before);
    this.typing.delete(user);
    if (active) {
      this.typing.set(
        user,
        setTimeout(() => this.setTyping(user, false), typingTtlMs),
      );
    }
    if (active !== (before !== undefined) && !silent)
      this.tell('typing', { active, user }, { from: user }, user);
  }
}
