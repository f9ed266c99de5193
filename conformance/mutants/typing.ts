import { reply } from '#server/messages.js';
import type { Parts } from '#server/parts.js';
import type { Connection, Core, Incoming, Outgoing, Step } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';

type Typing = Parts['typing'];

const wrong =
  (change: (right: Typing) => Partial<Typing>): Mutant['parts'] =>
  ({ typing }) => ({ typing: change(typing) });

const event = (change: (event: Outgoing) => Outgoing) =>
  wrong(({ event: right }) => ({ event: (...args) => change(right(...args)) }));

/** Some requests are carried out only for the connection whose typing was the last of that user in the room. */
export const leftToTypist =
  (isLeft: (core: Core, incoming: Incoming, key: string) => boolean): Mutant['parts'] =>
  ({ steps }) => {
    const typists = new Map<string, Connection>();
    return {
      steps: {
        typing(core, connection, incoming) {
          const { request, at } = incoming;
          const key = `${request.room} ${connection.grant.user}`;
          if (!isLeft(core, incoming, key)) typists.set(key, connection);
          else if (typists.get(key) !== connection) return reply(core, request, 'ack', {}, at);
          return (steps['typing'] as Step)(core, connection, incoming);
        },
      },
    };
  };

/** Whether the server is carrying out a request: what it tells then is no end by time. */
export const asking = (steps: Readonly<Record<string, Step>>) => {
  const { asked, steps: watched } = watching(steps);
  return { asked: () => asked() !== undefined, steps: watched };
};

/** Which request the server is carrying out. */
function watching(steps: Readonly<Record<string, Step>>) {
  let asked: string | undefined;
  const step =
    (type: string): Step =>
    (core, connection, incoming) => {
      asked = type;
      const outcome = (steps[type] as Step)(core, connection, incoming);
      asked = undefined;
      return outcome;
    };
  return { asked: () => asked, steps: { typing: step('typing'), chat: step('chat') } };
}

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

/** Who has ended typing in some way goes on as one who types, and is not told of when beginning again. */
const forgetting = (by: 'chat' | 'typing'): Mutant['parts'] => {
  const told = new Set<string>();
  return ({ typing: right, steps }) => {
    const { asked, steps: watched } = watching(steps);
    return {
      steps: watched,
      typing: {
        relay(core, room, user, event) {
          const key = `${room} ${user}`;
          if (event.data['active']) {
            if (told.has(key)) return undefined;
            told.add(key);
          } else if (asked() !== by) told.delete(key);
          return right.relay(core, room, user, event);
        },
      },
    };
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
    'typing-relayed',
    'typing-after-chat-swallowed',
    'A chat ends the typing for the room, and not for the server, which tells of no beginning then.',
    forgetting('chat'),
  ),
  mutant(
    'typing-relayed',
    'typing-after-stop-swallowed',
    '`active: false` ends the typing for the room, and not for the server, which tells of no beginning then.',
    forgetting('typing'),
  ),
  mutant(
    'typing-relayed',
    'typing-kept-from-namesakes',
    'Who types is left out by the name in lower case, or by the number that it may be taken for.',
    ({ typing: right }) => ({
      typing: {
        relay(core, room, user, event) {
          const alike = (other: string) =>
            other !== user &&
            (other.toLowerCase() === user.toLowerCase() || Number(other) === Number(user));
          for (const { grant } of core.rooms.get(room)?.members ?? [])
            if (alike(grant.user)) return undefined;
          return right.relay(core, room, user, event);
        },
      },
    }),
  ),
  mutant(
    'typing-stop-relayed',
    'stopped-by-its-connection-only',
    'Only the connection that began a typing can end it.',
    leftToTypist((_core, { request }) => request.data['active'] !== true),
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
