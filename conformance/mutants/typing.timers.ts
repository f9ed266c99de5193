import { after } from '#server/maybe.js';
import type { Core, Incoming, Step } from '#server/state.js';
import { stopTyping } from '#server/typing.js';
import { type Mutant, mutant } from './mutant.js';
import { asking, leftToTypist } from './typing.js';

/** An end of typing that leaves the timer running, which then ends whatever is typed next. */
const surviving =
  (survives: (chatting: boolean) => boolean): Mutant['parts'] =>
  ({ typing: right, steps }) => {
    const timers = new Map<string, { timer: NodeJS.Timeout; typing: boolean }>();
    let chatting = false;
    return {
      steps: {
        chat(core, connection, incoming) {
          chatting = true;
          const outcome = (steps['chat'] as Step)(core, connection, incoming);
          chatting = false;
          return outcome;
        },
      },
      typing: {
        relay(core, room, user, told) {
          const key = `${room} ${user}`;
          const known = timers.get(key);
          if (!told.data['active']) {
            if (known) known.typing = false;
            if (!survives(chatting)) clearTimeout(known?.timer);
            return right.relay(core, room, user, told);
          }
          // A renewal is thought of: it stops the timer of the typing that it renews.
          if (known?.typing) clearTimeout(known.timer);
          const own = { timer: setTimeout(end, right.ttl(core.config) ?? 0), typing: true };
          timers.set(key, own);
          return right.relay(core, room, user, told);

          function end() {
            const now = timers.get(key);
            if (!now?.typing) return;
            now.typing = false;
            void right.relay(core, room, user, right.event(core, room, user, false, core.now()));
          }
        },
      },
    };
  };

/** Stops the timers of the others who type in a room; gives these users. */
function stopOthers(core: Core, room: string, user: string): string[] {
  const others: string[] = [];
  for (const [key, timer] of core.typing) {
    const [name, other = ''] = key.split(' ');
    if (name !== room || other === user) continue;
    core.agenda.cancel(timer);
    core.typing.delete(key);
    others.push(other);
  }
  return others;
}

/** What one user does ends the typing of everybody else in the room. */
const endingOthers =
  (type: 'chat' | 'leave' | 'typing', when: (incoming: Incoming) => boolean): Mutant['parts'] =>
  ({ typing: right, steps }) => ({
    steps: {
      [type]: ((core, connection, incoming) => {
        const room = incoming.request.room ?? '';
        if (when(incoming))
          for (const other of stopOthers(core, room, connection.grant.user))
            void right.relay(core, room, other, right.event(core, room, other, false, incoming.at));
        return (steps[type] as Step)(core, connection, incoming);
      }) as Step,
    },
  });

/** Faults in the end that typing has by its time. */
export const timers: readonly Mutant[] = [
  mutant(
    'typing-not-ended-early',
    'typing-timer-survives-the-end',
    '`active: false` leaves the timer running, and it ends whatever is typed next.',
    surviving(() => true),
  ),
  mutant(
    'typing-not-ended-early',
    'typing-timer-survives-a-chat',
    'A chat ends the typing and leaves the timer running, and it ends whatever is typed next.',
    surviving((chatting) => chatting),
  ),
  mutant(
    'typing-expires',
    'one-typist-a-room',
    'A room has one timer for typing: who types takes it from those who typed before.',
    ({ steps }) => ({
      steps: {
        typing(core, connection, incoming) {
          stopOthers(core, incoming.request.room ?? '', connection.grant.user);
          return (steps['typing'] as Step)(core, connection, incoming);
        },
      },
    }),
  ),
  mutant(
    'typing-not-ended-early',
    'typing-ended-by-any-chat',
    'A chat ends all typing in its room.',
    endingOthers('chat', () => true),
  ),
  mutant(
    'typing-not-ended-early',
    'typing-ended-by-any-leave',
    'A leave ends all typing in its room.',
    endingOthers('leave', () => true),
  ),
  mutant(
    'typing-not-ended-early',
    'typing-ended-by-any-end',
    '`active: false` of one user ends all typing in the room.',
    endingOthers('typing', ({ request }) => request.data['active'] === false),
  ),
  mutant(
    'typing-not-ended-early',
    'typing-renewed-by-its-connection-only',
    "While one of a user's connections types, a renewal by another is ignored.",
    leftToTypist((core, _incoming, key) => core.typing.has(key)),
  ),
  mutant(
    'typing-not-ended-early',
    'typing-ended-by-binary',
    'A binary message ends the typing of its sender, as a chat does.',
    ({ steps }) => ({
      steps: {
        binary: (core, connection, incoming) =>
          after(stopTyping(core, connection, incoming.request.room ?? '', incoming.at), () =>
            (steps['binary'] as Step)(core, connection, incoming),
          ),
      },
    }),
  ),
  mutant(
    'typing-not-to-oneself',
    'typing-expiry-echoed',
    'That typing ended by its time is told to the whole room, its user included.',
    ({ typing: right, steps }) => {
      const { asked, steps: watched } = asking(steps);
      return {
        steps: watched,
        typing: { except: (user) => (asked() ? right.except(user) : undefined) },
      };
    },
  ),
];
