import type { Item } from '#server/broker/broker.js';
import { perform } from '#server/perform.js';
import { replayed } from '#server/resume.js';
import type { Connection, Core, Effect } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';
import { pause, tampered } from './tampering.js';

// So much of a replay is written before the peer has to take some of it.
const MOST_BYTES = 65_536;

type Replay = Extract<Effect, { do: 'replay' }>;

/** A server that sends a replay as its peer reads it, and thinks of only one of what happens meanwhile. */
const trickling =
  (minds: 'live events' | 'leaving'): Mutant['parts'] =>
  (parts) => {
    const held = new Map<Connection, Item[]>();
    const send = (core: Core, connection: Connection, { message, payload }: Item) =>
      connection.link.send(parts.messages.encode(core, message, payload));

    async function trickle(core: Core, connection: Connection, { events }: Replay, room: string) {
      let waited = false;
      for (const frame of replayed(core, events)) {
        while (connection.link.queued() > MOST_BYTES) {
          waited = true;
          await pause(1);
        }
        if (connection.phase === 'ended') break;
        if (minds === 'leaving' && waited && !connection.rooms.has(room)) break;
        connection.link.send(frame);
        connection.link.flush();
      }
      for (const item of held.get(connection) ?? [])
        if (minds === 'live events' && connection.rooms.has(room)) send(core, connection, item);
      held.delete(connection);
    }

    return {
      ...tampered('join', (effects, core, connection, { request }) => {
        const replay = effects.find((effect): effect is Replay => effect.do === 'replay');
        if (!replay) return effects;
        perform(
          core,
          connection,
          effects.filter((effect) => effect.do === 'send'),
        );
        held.set(connection, []);
        void trickle(core, connection, replay, String(request.room));
        return effects.filter((effect) => effect.do === 'enter');
      })(parts),
      rooms: {
        audience(_core, room, item) {
          const { members } = room;
          if (minds !== 'live events' || ![...members].some((each) => held.has(each)))
            return 'members';
          const told = [...members].filter(({ grant }) => grant.user !== item.except);
          for (const each of told) held.get(each)?.push(item);
          return told.filter((each) => !held.has(each));
        },
      },
    };
  };

/** Faults in how a replay goes on while its reader is slow. */
export const feeds: readonly Mutant[] = [
  mutant(
    'resume-replay-before-live',
    'live-event-overtakes-slow-replay',
    'What is live goes out at once while a replay waits until its reader has taken some of it.',
    trickling('leaving'),
  ),
  mutant(
    'rooms-leave-stops-events',
    'replay-goes-on-after-leave',
    'A replay that waits for its reader goes on when the reader has left the room.',
    trickling('live events'),
  ),
];
