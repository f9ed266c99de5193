import { after, hearing, wrong } from './cluster.faults.js';

/** Faults of messages to users, limits and memory, over instances. */
export const clusterUsers = [
  wrong(
    'cluster-direct-crosses-once',
    'direct-stays-on-its-instance',
    'A direct reaches the connections of its recipient on the sender’s instance.',
    hearing((listener, own) => ({
      direct: (to, message) => {
        if (own(message)) listener.direct(to, message);
      },
    })),
  ),

  wrong(
    'cluster-direct-crosses-once',
    'direct-delivered-by-sender-too',
    'The sender’s instance delivers a direct by itself, and once more when it comes back.',
    hearing((listener, own) => ({
      direct: (to, message) => {
        listener.direct(to, message);
        if (own(message)) listener.direct(to, message);
      },
    })),
  ),

  wrong(
    'cluster-direct-crosses-once',
    'recipient-sought-on-one-instance',
    'Whether a recipient is there is asked of the sender’s instance alone.',
    ({ broker }) => {
      const here = new Map<string, Set<string>>();
      return {
        broker: {
          enter: async (who, limit, at) => {
            here.set(who.user, (here.get(who.user) ?? new Set()).add(who.connection));
            return broker.enter(who, limit, at);
          },
          direct: async (to, message) => (here.has(to) ? broker.direct(to, message) : false),
        },
      };
    },
  ),

  wrong(
    'cluster-broadcast-crosses-once',
    'broadcast-stays-on-its-instance',
    'A broadcast reaches the connections of the sender’s instance.',
    hearing((listener, own) => ({
      broadcast: (message) => {
        if (own(message)) listener.broadcast(message);
      },
    })),
  ),

  wrong(
    'cluster-broadcast-crosses-once',
    'broadcast-delivered-by-sender-too',
    'The sender’s instance delivers a broadcast by itself, and once more when it comes back.',
    hearing((listener, own) => ({
      broadcast: (message) => {
        listener.broadcast(message);
        if (own(message)) setTimeout(() => listener.broadcast(message), 5);
      },
    })),
  ),

  wrong(
    'cluster-rate-limit-shared',
    'rate-of-each-instance',
    'Each instance counts a user’s messages by itself.',
    ({ broker, instance }) => ({
      broker: { admit: (key, window, at) => broker.admit(`${instance} ${key}`, window, at) },
    }),
  ),

  wrong(
    'cluster-rate-limit-shared',
    'rate-read-then-written',
    'The log of a bucket is read in one step and written in another.',
    ({ broker }) => {
      const spent = new Map<string, number>();
      return {
        broker: {
          admit: async (key, window, at) => {
            const count = spent.get(key) ?? 0;
            await after(15);
            if (count >= window.limit) return { admitted: false, retryAfterMs: window.window_ms };
            spent.set(key, (spent.get(key) ?? 0) + 1);
            setTimeout(() => spent.set(key, (spent.get(key) ?? 1) - 1), window.window_ms);
            return broker.admit(`${key} ${Math.random()}`, window, at);
          },
        },
      };
    },
  ),

  wrong(
    'cluster-connection-limit-shared',
    'connections-of-each-instance',
    'Each instance counts a user’s connections by itself.',
    ({ broker }) => {
      const here = new Map<string, number>();
      return {
        broker: {
          enter: async (who, limit, at) => {
            const count = (here.get(who.user) ?? 0) + 1;
            if (count > limit) return false;
            here.set(who.user, count);
            await broker.enter(who, Number.POSITIVE_INFINITY, at);
            return true;
          },
        },
      };
    },
  ),

  wrong(
    'cluster-duplicate-recognised-across',
    'ids-of-each-instance',
    'Each instance remembers the requests that it accepted itself.',
    ({ broker }) => {
      const own = new Set<string>();
      const key = (user: string, id: string) => `${id} ${user}`;
      return {
        broker: {
          publish: (publication) => {
            if (publication.once) own.add(key(publication.once.user, publication.once.id));
            return broker.publish(publication);
          },
          recall: async (user, id, at) =>
            own.has(key(user, id)) ? broker.recall(user, id, at) : null,
        },
      };
    },
  ),

  wrong(
    'cluster-history-shared',
    'history-of-each-instance',
    'Each instance replays what it accepted itself.',
    ({ broker }) => {
      const own = new Set<unknown>();
      return {
        broker: {
          publish: (publication) => {
            own.add(publication.message.id);
            return broker.publish(publication);
          },
          join: async (room, who, since, at) => {
            const joined = await broker.join(room, who, since, at);
            if (!joined.missed) return joined;
            return {
              ...joined,
              missed: joined.missed.filter(({ message }) => own.has(message.id)),
            };
          },
        },
      };
    },
  ),

  wrong(
    'cluster-session-revocation-shared',
    'revocation-stays-on-its-instance',
    'A revocation closes the connections of the instance where it happens.',
    ({ broker, listener }) => {
      const own = new Set<string>();
      return {
        broker: {
          revoke: (session) => {
            own.add(session);
            return broker.revoke(session);
          },
        },
        listener: {
          revoked: (session) => {
            if (own.has(session)) listener.revoked(session);
          },
        },
      };
    },
  ),
];
