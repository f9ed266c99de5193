import type { Parts } from '#server/parts.js';
import type { Connection } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';

const wrong =
  (change: (right: Parts['direct']) => Partial<Parts['direct']>): Mutant['parts'] =>
  ({ direct }) => ({ direct: change(direct) });

const recipients = (
  who: (
    right: Iterable<Connection>,
    users: ReadonlyMap<string, ReadonlySet<Connection>>,
    to: string,
    from: string,
  ) => Iterable<Connection>,
) =>
  wrong(({ recipients: right }) => ({
    recipients: (core, to, message) =>
      who(right(core, to, message), core.users, to, message.from ?? ''),
  }));

const longWinded = (to: unknown): boolean =>
  typeof to === 'string' && to.length <= 255 && Buffer.byteLength(to) > 255;

/** Faults of the chapter `direct`. */
export const direct: readonly Mutant[] = [
  mutant(
    'direct-delivered-to-each-connection',
    'direct-to-latest-tab',
    "Only the user's latest connection gets it.",
    recipients((right) => [...right].slice(-1)),
  ),
  mutant(
    'direct-delivered-to-each-connection',
    'direct-doubled',
    'Each connection gets it twice.',
    recipients((right) => [...right, ...right]),
  ),
  mutant(
    'direct-reaches-nobody-else',
    'direct-by-prefix',
    'Users are found by the beginning of their name.',
    recipients((_right, users, to) =>
      [...users].flatMap(([user, all]) => (user.startsWith(to.slice(0, 3)) ? [...all] : [])),
    ),
  ),
  mutant(
    'direct-reaches-nobody-else',
    'direct-copied-to-sender',
    "The sender's connections get a copy.",
    recipients((right, users, _to, from) => new Set([...right, ...(users.get(from) ?? [])])),
  ),
  mutant(
    'direct-ack-carries-event-id',
    'direct-ack-other-id',
    'The ack has an id of its own.',
    wrong(() => ({ ack: () => ({ id: 'another-id' }) })),
  ),
  mutant(
    'direct-offline-recipient-unavailable',
    'direct-always-acked',
    'A message to nobody is acknowledged.',
    () => ({}),
    {
      broker: (right) => ({
        direct(to, message) {
          void right.direct(to, message);
          return true;
        },
      }),
    },
  ),
  mutant(
    'direct-offline-recipient-unavailable',
    'direct-recipient-trimmed',
    'Spaces around the recipient are cut off before the user is looked up.',
    () => ({}),
    { broker: (right) => ({ direct: (to, message) => right.direct(to.trim(), message) }) },
  ),
  mutant(
    'direct-unknown-and-offline-alike',
    'direct-tells-who-exists',
    'The error says whether the user was ever here.',
    ({ direct: right, logs }) => {
      const known = new Set<string>();
      return {
        direct: {
          unavailable: (core, to) =>
            known.has(to) ? 'The recipient is offline.' : right.unavailable(core, to),
        },
        logs: {
          connect(core, connection) {
            known.add(connection.grant.user);
            return logs.connect(core, connection);
          },
        },
      };
    },
  ),
  mutant(
    'direct-to-oneself-delivered',
    'direct-never-to-oneself',
    'A message to oneself is delivered to nobody.',
    recipients((right, _users, to, from) => (to === from ? [] : right)),
  ),
  mutant(
    'direct-order-kept',
    'direct-out-of-order',
    'Each delivery is a task of its own.',
    () => ({}),
    {
      broker: (right) => ({
        direct(to, message) {
          setTimeout(
            () => void right.direct(to, message),
            String(message.data['text']).charCodeAt(0) % 2 === 0 ? 8 : 0,
          );
          return true;
        },
      }),
    },
  ),
  mutant(
    'direct-recipient-validated',
    'direct-to-anything',
    'An empty recipient is merely unavailable.',
    ({ messages }) => ({
      messages: {
        payload: (request, core) =>
          request.type === 'direct' && request.data['to'] === ''
            ? null
            : messages.payload(request, core),
      },
    }),
  ),
  ...(
    [
      [
        'direct-recipient-counted-in-characters',
        'A recipient may have 255 characters.',
        longWinded,
      ],
      [
        'direct-recipient-false',
        'A recipient of 0 or false is merely unavailable.',
        (to) => to === 0 || to === false,
      ],
    ] as [string, string, (to: unknown) => boolean][]
  ).map(([name, fault, lets]) =>
    mutant('direct-recipient-validated', name, fault, ({ messages }) => ({
      messages: {
        payload: (request, core) =>
          request.type === 'direct' && lets(request.data['to'])
            ? null
            : messages.payload(request, core),
      },
    })),
  ),
  mutant(
    'direct-offline-recipient-unavailable',
    'direct-recipient-of-64-bytes',
    'A recipient has at most 64 bytes.',
    ({ messages }) => ({
      messages: {
        payload: (request, core) =>
          request.type === 'direct' && Buffer.byteLength(String(request.data['to'])) > 64
            ? { path: '/data/to', message: 'is too long' }
            : messages.payload(request, core),
      },
    }),
  ),
  mutant(
    'direct-text-limit-enforced',
    'direct-text-unbounded',
    'Only chat looks at the length of the text.',
    ({ messages }) => ({
      messages: {
        payload(request, core) {
          const fault = messages.payload(request, core);
          return request.type === 'direct' && fault?.limit !== undefined ? null : fault;
        },
      },
    }),
  ),
];
