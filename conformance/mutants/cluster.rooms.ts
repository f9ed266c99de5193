import type { Item, Joined, Snapshot } from '#server/broker/broker.js';
import { hearing, Residents, right, wrong } from './cluster.faults.js';

const localOnly = (snapshot: Snapshot, users: Set<string>): Snapshot => {
  const members = snapshot.members.filter((user) => users.has(user));
  return { members, count: members.length };
};

/** Faults of rooms that span instances. */
export const clusterRooms = [
  wrong(
    'cluster-instance-announced',
    'instances-of-one-name',
    'All instances have the same name.',
    right,
    {
      parts: ({ handshake }) => ({
        handshake: {
          welcome: (core, connection) => ({
            ...handshake.welcome(core, connection),
            instance: 'parlor',
          }),
        },
      }),
    },
  ),

  wrong(
    'cluster-instance-announced',
    'instances-without-name',
    'No instance says its name.',
    right,
    {
      parts: ({ handshake }) => ({
        handshake: {
          welcome: (core, connection) => {
            const {
              instance: _,
              presence_ttl_ms: __,
              ...rest
            } = handshake.welcome(core, connection);
            return rest;
          },
        },
      }),
    },
  ),

  wrong(
    'cluster-event-delivered-once',
    'publisher-delivers-twice',
    'An instance delivers what it publishes, and once more when it comes back from the broker.',
    hearing((listener, own) => ({
      item: (item) => {
        listener.item(item);
        if (own(item.message)) setTimeout(() => listener.item(item), 5);
      },
    })),
  ),

  wrong(
    'cluster-event-delivered-once',
    'instances-apart',
    'What is said on one instance never reaches another.',
    hearing((listener, own) => ({
      item: (item) => {
        if (item.message.seq === undefined || own(item.message)) listener.item(item);
      },
    })),
  ),

  wrong(
    'cluster-one-sequence',
    'seq-of-each-instance',
    'Each instance numbers the messages that it accepts by itself.',
    ({ broker }) => {
      const numbers = new Map<string, number>();
      return {
        broker: {
          async publish(publication) {
            const result = await broker.publish(publication);
            if ('digest' in result) return result;
            const seq = (numbers.get(publication.room) ?? 0) + 1;
            numbers.set(publication.room, seq);
            publication.message.seq = seq;
            return { seq };
          },
        },
      };
    },
  ),

  wrong(
    'cluster-one-sequence',
    'number-and-publication-apart',
    'The number is taken in one step and the message published in another: they overtake each other.',
    ({ listener }) => ({
      listener: {
        item: (item) => {
          if (item.message.seq === undefined) listener.item(item);
          else setTimeout(() => listener.item(item), Math.random() * 12);
        },
      },
    }),
  ),

  wrong(
    'cluster-one-sequence',
    'epoch-of-each-instance',
    'Each instance has an epoch of its own for a room.',
    ({ broker, instance }) => ({
      broker: {
        join: async (room, who, since, at) => {
          const joined = await broker.join(room, who, since, at);
          return { ...joined, epoch: `${joined.epoch}-${instance}` };
        },
      },
    }),
  ),

  wrong(
    'cluster-join-ack-means-subscribed',
    'join-acked-before-the-subscription',
    'The join is acknowledged at once, and the subscription is in force somewhat later.',
    ({ broker, listener }) => {
      const subscribed = new Map<string, number>();
      return {
        broker: {
          join: async (room, who, since, at) => {
            if (!subscribed.has(room)) subscribed.set(room, performance.now() + 40);
            return broker.join(room, who, since, at);
          },
        },
        listener: {
          item: (item) => {
            if ((subscribed.get(item.room) ?? 0) < performance.now()) listener.item(item);
          },
        },
      };
    },
  ),

  wrong(
    'cluster-members-complete',
    'snapshot-of-one-instance',
    'A snapshot holds the users of the instance that is asked.',
    ({ broker }) => {
      const residents = new Residents();
      return {
        broker: {
          join: async (room, who, since, at): Promise<Joined> => {
            const joined = await broker.join(room, who, since, at);
            residents.enter(room, who);
            return { ...joined, ...localOnly(joined, residents.users(room)) };
          },
          members: async (room) => localOnly(await broker.members(room), residents.users(room)),
        },
      };
    },
  ),

  wrong(
    'cluster-members-complete',
    'twins-listed-twice',
    'A user who is connected to two instances is counted twice.',
    ({ broker }) => {
      const residents = new Residents();
      // The other instance has the same user too, whenever there is one more than here.
      const doubled = (snapshot: Snapshot, room: string): Snapshot => {
        const twins = snapshot.members.filter((user) => residents.users(room).has(user));
        const members = [...snapshot.members, ...twins.slice(0, snapshot.count - 1)];
        return { members, count: members.length };
      };
      return {
        broker: {
          join: async (room, who, since, at): Promise<Joined> => {
            const joined = await broker.join(room, who, since, at);
            residents.enter(room, who);
            return { ...joined, ...doubled(joined, room) };
          },
          members: async (room) => doubled(await broker.members(room), room),
        },
      };
    },
  ),

  ...(['join', 'leave'] as const).flatMap((type) => {
    const rule = type === 'join' ? 'cluster-join-announced' : 'cluster-leave-announced';
    const told = (item: Item, residents: Residents, gone: Set<string>) => {
      const user = String(item.message.data['user']);
      return item.message.type !== type || residents.users(item.room).has(user) || gone.has(user);
    };
    return [
      wrong(
        rule,
        `${type}-told-on-one-instance`,
        `A ${type} is told to the members on the instance where it happens.`,
        ({ broker, listener }) => {
          const residents = new Residents();
          const gone = new Set<string>();
          return {
            broker: {
              join: (room, who, since, at) => {
                residents.enter(room, who);
                return broker.join(room, who, since, at);
              },
              leave: (parting, who, reason, at) => {
                gone.add(who.user);
                return broker.leave(parting, who, reason, at);
              },
              exit: (who, partings, reason, at) => {
                gone.add(who.user);
                return broker.exit(who, partings, reason, at);
              },
            },
            listener: {
              item: (item) => {
                if (told(item, residents, gone)) listener.item(item);
              },
            },
          };
        },
      ),
      wrong(
        rule,
        `${type}-told-by-every-instance`,
        `Every instance that notices a ${type} tells it to all.`,
        ({ listener }) => ({
          listener: {
            item: (item) => {
              listener.item(item);
              if (item.message.type === type) listener.item(item);
            },
          },
        }),
      ),
    ];
  }),

  wrong(
    'cluster-presence-per-user',
    'first-connection-of-an-instance',
    'A first and a last connection are counted on each instance by itself.',
    ({ broker, parts }) => {
      const residents = new Residents();
      return {
        broker: {
          join: async (room, who, since, at) => {
            const first = !residents.users(room).has(who.user);
            residents.enter(room, who);
            const joined = await broker.join(room, who, since, at);
            if (first && joined.members.includes(who.user))
              await broker.relay(room, parts.rooms.joinEvent(room, who.user, at), who.user);
            return joined;
          },
          leave: async (parting, who, reason, at) => {
            residents.leave(parting.room, who);
            await broker.leave(parting, who, reason, at);
            const { room } = parting;
            const { members } = await broker.members(room);
            if (!residents.users(room).has(who.user) && members.includes(who.user))
              await broker.relay(
                room,
                parts.rooms.leaveEvent(room, who.user, reason, at),
                who.user,
              );
          },
        },
      };
    },
  ),
];
