import { type Mutant, mutant } from './mutant.js';
import { asking } from './typing.js';

/** Faults in the end that typing has by its time. */
export const timers: readonly Mutant[] = [
  mutant(
    'typing-not-ended-early',
    'typing-timer-survives-the-end',
    '`active: false` leaves the timer running, and it ends whatever is typed next.',
    ({ typing: right }) => {
      const timers = new Map<string, { timer: NodeJS.Timeout; typing: boolean }>();
      return {
        typing: {
          relay(core, room, user, told) {
            const key = `${room} ${user}`;
            const known = timers.get(key);
            if (!told.data['active']) {
              if (known) known.typing = false;
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
    },
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
