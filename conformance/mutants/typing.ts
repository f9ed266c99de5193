import type { Parts } from '#server/parts.js';
import type { Outgoing, Step } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';

type Typing = Parts['typing'];

const wrong =
  (change: (right: Typing) => Partial<Typing>): Mutant['parts'] =>
  ({ typing }) => ({ typing: change(typing) });

const event = (change: (event: Outgoing) => Outgoing) =>
  wrong(({ event: right }) => ({ event: (...args) => change(right(...args)) }));

/** Whether the server is carrying out a request: what it tells then is no end by time. */
export const asking = (steps: Readonly<Record<string, Step>>) => {
  let asked = false;
  const step =
    (type: string): Step =>
    (core, connection, incoming) => {
      asked = true;
      const outcome = (steps[type] as Step)(core, connection, incoming);
      asked = false;
      return outcome;
    };
  return { asked: () => asked, steps: { typing: step('typing'), chat: step('chat') } };
};

// What typing's end by its time tells the user's other rooms; a step's own end tells them nothing.
const expiringElsewhere =
  (told: (event: Outgoing, room: string) => Outgoing): Mutant['parts'] =>
  ({ typing: right, steps }) => {
    const { asked, steps: watched } = asking(steps);
    return {
      steps: watched,
      typing: {
        relay(core, room, user, event) {
          if (!asked())
            for (const { rooms } of core.users.get(user) ?? [])
              for (const other of rooms.keys())
                if (other !== room) void right.relay(core, other, user, told(event, other));
          return right.relay(core, room, user, event);
        },
      },
    };
  };

/** Faults of the chapter `typing`. */
export const typing: readonly Mutant[] = [
  mutant(
    'typing-relayed',
    'typing-swallowed',
    'Typing is acknowledged and told to nobody.',
    wrong(() => ({ relay: () => undefined })),
  ),
  mutant(
    'typing-stop-relayed',
    'only-starts-relayed',
    'Only the beginning of typing is told.',
    wrong(({ relay }) => ({
      relay: (core, room, user, told) =>
        told.data['active'] ? relay(core, room, user, told) : undefined,
    })),
  ),
  mutant(
    'typing-not-to-oneself',
    'typing-echoed',
    'Typing is told to the whole room.',
    wrong(() => ({ except: () => undefined })),
  ),
  mutant(
    'typing-user-stamped',
    'typing-from-nobody',
    "The event's user is the connection's id.",
    event((it) => ({ ...it, data: { ...it.data, user: 'connection-1' } })),
  ),
  mutant(
    'typing-acked',
    'typing-fire-and-forget',
    'Typing is never acknowledged.',
    ({ steps }) => ({
      steps: {
        typing(core, connection, incoming) {
          void steps['typing']?.(core, connection, incoming);
          return [];
        },
      },
    }),
  ),
  mutant(
    'typing-unsequenced',
    'typing-numbered',
    'Typing has a seq.',
    event((it) => ({ ...it, seq: 1 })),
  ),
  mutant(
    'typing-without-id',
    'typing-identified',
    'Typing has an id.',
    event((it) => ({ ...it, id: 'typing-1' })),
  ),
  mutant(
    'typing-takes-no-seq',
    'typing-takes-a-number',
    "Typing takes a number of the room's sequence.",
    wrong(({ relay }) => ({
      relay(core, room, user, told) {
        void core.broker.publish({
          room,
          message: {
            type: 'chat',
            id: core.newId(),
            room,
            from: user,
            seq: 0,
            timestamp: told.timestamp,
            data: { text: '…' },
          },
          once: null,
          at: core.now(),
        });
        return relay(core, room, user, told);
      },
    })),
  ),
  mutant(
    'typing-active-required',
    'active-defaults-to-true',
    '`active` may be left out.',
    ({ messages }) => ({
      messages: {
        payload: (request, core) =>
          request.type === 'typing' && !('active' in request.data)
            ? null
            : messages.payload(request, core),
      },
    }),
  ),
  mutant(
    'typing-active-required',
    'active-truthy',
    'Whatever is true enough is `active`.',
    ({ messages }) => ({
      messages: {
        payload: (request, core) =>
          request.type === 'typing' && request.data['active'] === 1
            ? null
            : messages.payload(request, core),
      },
    }),
  ),
  mutant(
    'typing-not-to-later-members',
    'typing-told-to-newcomers',
    'Who joins is told who types.',
    ({ typing: right, messages }) => ({
      messages: {
        encode(core, message, payload) {
          if (message.type === 'ack' && 'epoch' in message.data && message.room !== undefined) {
            const room = message.room;
            setImmediate(() => {
              for (const key of core.typing.keys()) {
                const [name, user = ''] = key.split(' ');
                if (name !== room) continue;
                const frame = messages.encode(
                  core,
                  right.event(core, room, user, true, core.now()),
                  undefined,
                );
                for (const member of core.rooms.get(room)?.members ?? [])
                  if (member.grant.user !== user) member.link.send(frame);
              }
            });
          }
          return messages.encode(core, message, payload);
        },
      },
    }),
  ),
  mutant(
    'typing-expires',
    'typing-for-ever',
    'Typing never ends by itself.',
    wrong(() => ({ ttl: () => null })),
  ),
  mutant(
    'typing-not-ended-early',
    'typing-ended-by-chat-elsewhere',
    'A chat ends what its sender types in every room.',
    ({ chat, typing: right }) => ({
      chat: {
        publish(core, connection, incoming, event) {
          const { user } = connection.grant;
          for (const room of connection.rooms.keys()) {
            const running = core.typing.get(`${room} ${user}`);
            if (!running || room === event.room) continue;
            core.agenda.cancel(running);
            core.typing.delete(`${room} ${user}`);
            void right.relay(core, room, user, right.event(core, room, user, false, incoming.at));
          }
          return chat.publish(core, connection, incoming, event);
        },
      },
    }),
  ),
  mutant(
    'typing-not-ended-early',
    'typing-ends-at-half',
    'Typing ends at half its time.',
    wrong(({ ttl }) => ({ ttl: (config) => (ttl(config) ?? 0) / 2 })),
  ),
  mutant(
    'typing-not-ended-early',
    'typing-not-renewed',
    'A renewal does not start the time anew.',
    ({ typing: right }) => {
      let end: number | undefined;
      return {
        typing: {
          relay(core, room, user, told) {
            if (!told.data['active']) end = undefined;
            return right.relay(core, room, user, told);
          },
          ttl(config) {
            const now = performance.now();
            end ??= now + (right.ttl(config) ?? 0);
            return Math.max(1, end - now);
          },
        },
      };
    },
  ),
  mutant(
    'typing-not-ended-early',
    'typing-ends-in-all-rooms',
    "Where typing ends by its time, it ends in all of the user's rooms.",
    expiringElsewhere((told, room) => ({ ...told, room })),
  ),
  mutant(
    'rooms-no-leak-to-strangers',
    'typing-expiry-told-elsewhere',
    "That typing ended by its time is told in all of the user's rooms.",
    expiringElsewhere((told) => told),
  ),
  mutant(
    'typing-ends-on-chat',
    'typing-survives-chat',
    'A chat does not end the typing.',
    wrong(() => ({ endsOnChat: false })),
  ),
  mutant(
    'typing-ends-on-leave',
    'typing-survives-leave',
    'Leaving does not end the typing.',
    wrong(() => ({ endsOnLeave: false })),
  ),
  mutant(
    'typing-ends-on-disconnect',
    'typing-survives-disconnect',
    'A lost connection does not end the typing.',
    wrong(() => ({ endsOnLeave: false })),
  ),
];
