import { Residents, wrong } from './cluster.faults.js';

/** Faults in the face of an instance's death. */
export const clusterDeath = [
  wrong(
    'cluster-presence-ttl-bounded',
    'ghosts-for-ten-minutes',
    'An instance announces that its users may be shown for ten minutes after its death.',
    () => ({ broker: { presenceTtlMs: 600_000 } }),
  ),

  wrong(
    'cluster-killed-instance-leaves',
    'ghosts-for-ever',
    'The users of a killed instance stay in their rooms.',
    ({ hub }) => {
      hub.reaps = false;
      return {};
    },
  ),

  wrong(
    'cluster-killed-instance-leaves',
    'every-survivor-tells',
    'Every surviving instance tells the leaving of a dead instance’s users.',
    ({ listener }) => ({
      listener: {
        item: (item) => {
          listener.item(item);
          const { type, data } = item.message;
          if (type === 'leave' && data['reason'] === 'disconnected') listener.item(item);
        },
      },
    }),
  ),

  wrong(
    'cluster-killed-instance-leaves',
    'the-dead-have-left',
    'The reason of a dead instance’s users is `left`.',
    ({ listener }) => ({
      listener: {
        item: (item) => {
          const { message } = item;
          const left = { ...message, data: { ...message.data, reason: 'left' } };
          listener.item(message.type === 'leave' ? { ...item, message: left } : item);
        },
      },
    }),
  ),

  wrong(
    'cluster-returned-user-stays',
    'users-of-the-dead-removed-by-name',
    'All users of a dead instance are told to have left, wherever else they are.',
    ({ hub, broker, parts }) => {
      const residents = new Residents();
      hub.events.on('death', () => {
        const at = { wall: Date.now(), steady: performance.now() };
        for (const room of residents.rooms())
          for (const { user } of residents.in(room))
            setTimeout(() => {
              const leave = parts.rooms.leaveEvent(room, user, 'disconnected', at);
              void Promise.resolve(broker.relay(room, leave, user)).catch(() => {
                // The dead tell nothing; the survivors do.
              });
            }, 300);
      });
      return {
        broker: {
          join: (room, who, since, at) => {
            residents.enter(room, who);
            return broker.join(room, who, since, at);
          },
        },
      };
    },
  ),

  wrong(
    'cluster-survivors-unharmed',
    'deaf-while-clearing-away',
    'While an instance’s presences are waited out, the others hear nothing.',
    ({ hub, listener }) => {
      let deaf = false;
      hub.events.on('death', () => {
        deaf = true;
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
];
