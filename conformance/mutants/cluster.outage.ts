import { BackendUnavailable, type Broker, type Item } from '#server/broker/broker.js';
import type { Gate, Outgoing, Step } from '#server/state.js';
import { after, right, wrong } from './cluster.faults.js';
import type { Fault, Seat } from './hub.js';

/** Does what is right, and closes the connection where the broker is lost. */
function closing<R>(ask: () => R): R {
  const close = (error: unknown) => {
    if (!(error instanceof BackendUnavailable)) throw error;
    return [{ do: 'close', closing: { code: 4103, reason: 'backend_unavailable' } }];
  };
  const result: unknown = ask();
  return (result instanceof Promise ? result.catch(close) : result) as R;
}

/** What requests ask the broker first, with something done in its place while it is lost. */
function whileLost({ broker, hub, instance }: Seat, first: () => Promise<never>): Partial<Broker> {
  return {
    recall: async (...given) => (hub.lostTo(instance) ? first() : broker.recall(...given)),
    admit: async (...given) => (hub.lostTo(instance) ? first() : broker.admit(...given)),
    publish: async (...given) => (hub.lostTo(instance) ? first() : broker.publish(...given)),
    join: async (...given) => (hub.lostTo(instance) ? first() : broker.join(...given)),
    members: async (...given) => (hub.lostTo(instance) ? first() : broker.members(...given)),
  };
}

/** Does something else with the messages that were published while this instance was cut off. */
function missing(
  { hub, instance, broker, listener }: Seat,
  instead: (item: Item, epoch: string) => void,
): Fault {
  const epochs = new Map<string, string>();
  const cut = { from: Number.POSITIVE_INFINITY, to: 0 };
  hub.events.on('loss', () => {
    if (hub.lostTo(instance))
      Object.assign(cut, { from: Date.now(), to: Number.POSITIVE_INFINITY });
  });
  hub.events.on('return', () => {
    if (!hub.lostTo(instance)) cut.to = Math.min(cut.to, Date.now());
  });
  const missed = ({ message }: Item) => {
    const said = Date.parse(message.timestamp);
    return message.seq !== undefined && cut.from <= said && said < cut.to;
  };
  return {
    broker: {
      join: async (room, who, since, at) => {
        const joined = await broker.join(room, who, since, at);
        epochs.set(room, joined.epoch);
        return joined;
      },
    },
    listener: {
      item: (item) => {
        if (missed(item)) instead(item, epochs.get(item.room) ?? '');
        else listener.item(item);
      },
    },
  };
}

function gap({ room, rev, message }: Item, epoch: string, from: number, to: number): Item {
  const told: Outgoing = {
    type: 'gap',
    room,
    timestamp: message.timestamp,
    data: { from_seq: from, to_seq: to, epoch },
  };
  return { room, rev, message: told };
}

/** Faults in the face of a lost broker. */
export const clusterOutage = [
  wrong(
    'cluster-broker-loss-answered',
    'requests-queued-for-ever',
    'A request that needs the lost broker waits until it is back, and longer.',
    (seat) => ({ broker: whileLost(seat, () => new Promise(() => {})) }),
  ),

  wrong(
    'cluster-broker-loss-answered',
    'loss-is-an-internal-error',
    'The loss of the broker is answered with internal_error.',
    (seat) => ({
      broker: whileLost(seat, () => Promise.reject(new Error('connect ECONNREFUSED'))),
    }),
  ),

  wrong(
    'cluster-loop-alive-without-broker',
    'ping-asks-the-broker',
    'A ping is answered when the broker has answered.',
    right,
    {
      parts: ({ steps }) => ({
        steps: {
          ...steps,
          ping: async (core, connection, incoming) => {
            while (!core.broker.healthy()) await after(10);
            const ping = steps['ping'] as Step;
            return ping(core, connection, incoming);
          },
        },
      }),
    },
  ),

  wrong(
    'cluster-connections-kept-without-broker',
    'connections-closed-without-broker',
    'A request that needs the lost broker closes its connection.',
    right,
    {
      parts: ({ steps, gates }) => ({
        gates: Object.fromEntries(
          Object.entries(gates).map(([name, gate]): [string, Gate] => [
            name,
            (...given) => closing(() => gate(...given)),
          ]),
        ),
        steps: Object.fromEntries(
          Object.entries(steps).map(([type, step]): [string, Step] => [
            type,
            (...given) => closing(() => step(...given)),
          ]),
        ),
      }),
    },
  ),

  wrong(
    'cluster-service-recovers',
    'publishes-never-again',
    'After a loss of the broker nothing is accepted any more.',
    (seat) => {
      let broken = false;
      seat.hub.events.on('loss', () => {
        broken = true;
      });
      return {
        broker: {
          publish: async (publication) => {
            if (broken) throw new BackendUnavailable('The broker is lost.');
            return seat.broker.publish(publication);
          },
        },
      };
    },
  ),

  wrong(
    'cluster-service-recovers',
    'publishes-and-hears-nothing',
    'After a loss of the broker an instance publishes again, and has no subscription.',
    ({ hub, listener, instance }) => {
      let deaf = false;
      hub.events.on('loss', () => {
        if (hub.lostTo(instance)) deaf = true;
      });
      return {
        listener: {
          item: (item) => {
            if (!deaf) listener.item(item);
          },
        },
      };
    },
  ),

  wrong(
    'cluster-loss-announced',
    'losses-in-silence',
    'What was published while an instance was cut off never reaches its members, without a word.',
    (seat) => missing(seat, () => {}),
  ),

  wrong(
    'cluster-loss-announced',
    'gap-too-short',
    'The gap covers the first of the lost messages alone.',
    (seat) => {
      const told = new Set<string>();
      return missing(seat, (item, epoch) => {
        if (told.has(item.room)) return;
        told.add(item.room);
        const seq = item.message.seq ?? 0;
        seat.listener.item(gap(item, epoch, seq, seq));
      });
    },
  ),

  wrong(
    'cluster-loss-announced',
    'gap-behind-the-next-message',
    'The gap is told some time after the next message.',
    (seat) =>
      missing(seat, (item, epoch) => {
        const seq = item.message.seq ?? 0;
        setTimeout(() => seat.listener.item(gap(item, epoch, seq, seq)), 900);
      }),
  ),

  wrong(
    'cluster-loss-at-end-announced',
    'hole-noticed-by-the-next-message',
    'A hole is looked for when a number is skipped: what a room said last is missed in silence.',
    (seat) => {
      // What comes long after the link is back shows the hole, and only then the lost messages are fetched.
      const lost = new Map<string, Item[]>();
      const faulty = missing(seat, (item) => {
        lost.set(item.room, [...(lost.get(item.room) ?? []), item]);
      });
      const hear = faulty.listener?.item;
      return {
        ...faulty,
        listener: {
          item: (item) => {
            const held = lost.get(item.room) ?? [];
            hear?.(item);
            if (lost.get(item.room)?.includes(item)) return;
            for (const missed of held) seat.listener.item(missed);
            lost.delete(item.room);
          },
        },
      };
    },
  ),
];
