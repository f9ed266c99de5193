import { after } from '#server/maybe.js';
import { type Mutant, mutant } from './mutant.js';
import { moved } from './tampering.js';

/** A type that is judged before it is counted: what the gates refuse costs nothing. */
const judgedFirst =
  (type: string, ...judges: readonly ('permission' | 'room' | 'membership')[]): Mutant['parts'] =>
  ({ gates }) => ({
    gates: {
      rate(core, connection, incoming) {
        for (const judge of incoming.request.type === type ? judges : []) {
          const effects = gates[judge](core, connection, incoming);
          if (effects !== null) return effects;
        }
        return gates.rate(core, connection, incoming);
      },
    },
  });

/** Faults in what counts though it was refused, and in what does not. */
export const counting: readonly Mutant[] = [
  mutant(
    'rates-malformed-not-counted',
    'malformed-messages-counted',
    'Messages are counted before they are judged.',
    moved('rate', 'payload'),
  ),
  mutant(
    'rates-malformed-not-counted',
    'malformed-binary-counted',
    'A binary message is counted before its header is read.',
    ({ gates }) => ({
      gates: {
        json(core, connection, incoming) {
          const effects = gates.json(core, connection, incoming);
          if (!incoming.binary || effects === null) return effects;
          const counted = { ...incoming, request: { ...incoming.request, type: 'binary' } };
          return after(gates.rate(core, connection, counted), (over) => over ?? effects);
        },
        payload(core, connection, incoming) {
          const effects = gates.payload(core, connection, incoming);
          if (!incoming.binary || effects === null) return effects;
          return after(gates.rate(core, connection, incoming), (over) => over ?? effects);
        },
      },
    }),
  ),
  mutant(
    'rates-denied-counted',
    'denied-broadcasts-free',
    'A broadcast is counted once its scope was looked at.',
    judgedFirst('broadcast', 'permission'),
  ),
  mutant(
    'rates-denied-counted',
    'denied-joins-free',
    'A join is counted once there is room for it.',
    judgedFirst('join', 'room'),
  ),
  ...['typing', 'members', 'binary'].map((type) =>
    mutant(
      'rates-denied-counted',
      `${type}-from-outside-free`,
      `\`${type}\` is counted once its sender is found to be in the room.`,
      judgedFirst(type, 'membership'),
    ),
  ),
  mutant(
    'rates-denied-counted',
    'vain-directs-free',
    'A direct message is counted once its recipient is found.',
    ({ gates }) => ({
      gates: {
        rate(core, connection, incoming) {
          const { type, data } = incoming.request;
          if (type === 'direct' && !core.users.has(String(data['to']))) return null;
          return gates.rate(core, connection, incoming);
        },
      },
    }),
  ),
  mutant(
    'rates-denied-counted',
    'denied-messages-free',
    'Membership and authorization are judged before the message is counted.',
    ({ precedence }) => ({
      precedence: [...precedence.filter((each) => each !== 'rate'), 'rate'],
    }),
  ),
];
