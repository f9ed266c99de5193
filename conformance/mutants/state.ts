import type { Broker, Who } from '#server/broker/broker.js';
import type { Connection } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';

/** Resolves in the next turn of the event loop, or some turns later. */
function later(turns = 1): Promise<void> {
  return new Promise((resolve) => {
    const wait = (left: number) => (left === 0 ? resolve() : setImmediate(() => wait(left - 1)));
    wait(turns);
  });
}

/** Which connections of each user the broker has let into each room. */
class Ledger {
  readonly #inside = new Map<string, Map<string, Who>>();

  of(room: string, user: string): Map<string, Who> {
    const key = `${room} ${user}`;
    const found = this.#inside.get(key) ?? new Map<string, Who>();
    this.#inside.set(key, found);
    return found;
  }
}

/** Forgets a user by name, some turns after one of the user's connections was lost. */
function lostUpdate(right: Broker): Partial<Broker> {
  const ledger = new Ledger();
  return {
    join(room, who, since, at) {
      ledger.of(room, who.user).set(who.connection, who);
      return right.join(room, who, since, at);
    },
    async exit(who, rooms, reason, at) {
      await right.exit(who, [], reason, at);
      await later(3);
      for (const parting of rooms)
        for (const each of ledger.of(parting.room, who.user).values())
          await right.leave(parting, each, reason, at);
    },
  };
}

/** Looks how many connections are left, waits, and then tells what was true before. */
function staleCount(right: Broker): Partial<Broker> {
  const ledger = new Ledger();
  return {
    join(room, who, since, at) {
      ledger.of(room, who.user).set(who.connection, who);
      return right.join(room, who, since, at);
    },
    async leave(parting, who, reason, at) {
      const inside = ledger.of(parting.room, who.user);
      const last = inside.delete(who.connection) && inside.size === 0;
      await later(2);
      await right.leave(parting, who, reason, at);
      if (!last || inside.size === 0) return;
      const data = { user: who.user, reason };
      const timestamp = new Date(at.wall).toISOString();
      await right.relay(
        parting.room,
        { type: 'leave', room: parting.room, timestamp, data },
        who.user,
      );
    },
  };
}

/** Reads who is there, waits, and only then enters. */
function snapshotFirst(right: Broker): Partial<Broker> {
  return {
    async join(room, who, since, at) {
      const { members } = await right.members(room);
      await later(2);
      const joined = await right.join(room, who, since, at);
      const stale = [...new Set([...members, who.user])];
      return { ...joined, members: stale, count: stale.length };
    },
  };
}

/** Reads what was missed, waits, and only then enters. */
function historyFirst(right: Broker): Partial<Broker> {
  return {
    async join(room, who, since, at) {
      if (!since) return right.join(room, who, since, at);
      const before = await right.join(room, who, since, at);
      await later(3);
      const after = await right.join(room, who, null, at);
      return { ...before, rev: after.rev };
    },
  };
}

/** Looks for the first request in a store that is written a little later. */
function forgetful(right: Broker): Partial<Broker> {
  const fresh = new Set<string>();
  const remember = (key: string | undefined) => {
    if (key === undefined) return;
    fresh.add(key);
    void later(4).then(() => fresh.delete(key));
  };
  return {
    recall: (user, id, at) => (fresh.has(`${user} ${id}`) ? null : right.recall(user, id, at)),
    publish(publication) {
      const { once } = publication;
      remember(once ? `${once.user} ${once.id}` : undefined);
      return right.publish(publication);
    },
    remember(once, data, at) {
      remember(`${once.user} ${once.id}`);
      return right.remember(once, data, at);
    },
  };
}

/** Looks at the log, waits, and then writes to it. */
function racingLimiter(): Partial<Broker> {
  const logs = new Map<string, number[]>();
  return {
    async admit(key, { limit, window_ms }, at) {
      const log = (logs.get(key) ?? []).filter((each) => each > at.steady - window_ms);
      await later();
      const [oldest = at.steady] = log;
      if (log.length >= limit)
        return {
          admitted: false,
          retryAfterMs: Math.max(1, Math.ceil(oldest + window_ms - at.steady)),
        };
      logs.set(key, [...log, at.steady]);
      return { admitted: true, retryAfterMs: 0 };
    },
  };
}

/** Rooms with an error since their last message; every conversation has rooms of its own. */
const erred = new Set<string>();
/** What is left out of the sequence of the message that is being published. */
let skipped = 0;

/** Counts an error as a message that nobody gets. */
function skipping(right: Broker): Partial<Broker> {
  return {
    publish(publication) {
      skipped = erred.delete(publication.room) ? 1 : 0;
      // A publication takes its number before anything else is done.
      const published = right.publish(publication);
      skipped = 0;
      return published;
    },
  };
}

/** Faults of state and timing, which only conversations can find. */
export const state: readonly Mutant[] = [
  mutant(
    'rooms-presence-leave-last-only',
    'presence-lost-on-reconnect',
    'The late clean-up after a lost connection takes the user out who has come back meanwhile.',
    () => ({}),
    { broker: lostUpdate },
  ),
  mutant(
    'rooms-presence-join',
    'join-races-leave',
    'A leave is announced by a count that was read before another connection of the user joined.',
    () => ({}),
    { broker: staleCount },
  ),
  mutant(
    'rooms-presence-join',
    'snapshot-before-registration',
    'The members are read before the connection is registered: who comes between is in neither list nor event.',
    () => ({}),
    { broker: snapshotFirst },
  ),
  mutant(
    'chat-delivered-to-members',
    'history-before-registration',
    'The history is read before the connection is registered: what is said between is lost.',
    () => ({}),
    { broker: historyFirst },
  ),
  mutant(
    'resume-duplicate-same-ack',
    'dedup-forgets-under-way',
    'A repetition that comes while the first request is being remembered is executed again.',
    () => ({}),
    { broker: forgetful },
  ),
  mutant(
    'rates-over-refused',
    'limiter-loses-updates',
    'Messages that are judged at the same time do not count each other.',
    () => ({}),
    { broker: racingLimiter },
  ),
  mutant(
    'chat-seq-increments',
    'hole-after-error',
    'The first message of a room after an error in it skips a number.',
    (right) => ({
      errors: {
        message: (core, request, ...rest) => {
          if (request.room !== undefined) erred.add(request.room);
          return right.errors.message(core, request, ...rest);
        },
      },
      chat: { nextSeq: (present) => right.chat.nextSeq(present) + skipped },
    }),
    { broker: skipping },
  ),
  mutant(
    'chat-order-shared',
    'senders-overtake',
    'A message is overtaken by that of another sender who writes in the same turn.',
    (right) => {
      const held = new Map<string, { from: string | undefined; release: () => void }>();
      return {
        rooms: {
          audience: (core, room, item) => {
            const { seq, from } = item.message;
            if (seq === undefined) return right.rooms.audience(core, room, item);
            const before = held.get(room.name);
            if (before && before.from !== from) {
              setImmediate(before.release);
              held.delete(room.name);
              return [...room.members];
            }
            const members = [...room.members];
            const release = () => {
              const frame = core.parts.messages.encode(core, item.message, item.payload);
              for (const member of members)
                if (member.rooms.has(room.name)) member.link.send(frame);
            };
            if (before) return members;
            const mine = { from, release };
            held.set(room.name, mine);
            setImmediate(() => {
              if (held.get(room.name) !== mine) return;
              held.delete(room.name);
              release();
            });
            return [];
          },
        },
      };
    },
  ),
  mutant(
    'chat-delivered-once',
    'slow-reader-gets-twice',
    'A reader for whom three messages wait in one turn is sent the third again.',
    (right) => {
      let waiting = new Map<Connection, number>();
      return {
        rooms: {
          audience: (core, room, item) => {
            if (item.message.seq === undefined) return right.rooms.audience(core, room, item);
            if (waiting.size === 0) setImmediate(() => (waiting = new Map()));
            return [...room.members].flatMap((member) => {
              const count = (waiting.get(member) ?? 0) + 1;
              waiting.set(member, count);
              return count === 3 ? [member, member] : [member];
            });
          },
        },
      };
    },
  ),
  mutant(
    'rooms-leave-stops-events',
    'leak-in-the-tick-of-leave',
    'What is said in the turn in which a connection leaves still reaches it, after the ack.',
    (right) => {
      const leavers = new Map<string, Set<Connection>>();
      return {
        steps: {
          ...right.steps,
          leave: (core, connection, incoming) => {
            const name = incoming.request.room ?? '';
            const inside = connection.rooms.has(name);
            const outcome = right.steps['leave']?.(core, connection, incoming) ?? [];
            if (!inside) return outcome;
            const leaving = leavers.get(name) ?? new Set();
            leavers.set(name, leaving.add(connection));
            void later(2).then(() => leaving.delete(connection));
            return outcome;
          },
        },
        rooms: {
          audience: (core, room, item) => {
            const late = leavers.get(room.name);
            if (!late?.size || item.message.seq === undefined)
              return right.rooms.audience(core, room, item);
            return new Set([...room.members, ...late]);
          },
        },
      };
    },
  ),
];
