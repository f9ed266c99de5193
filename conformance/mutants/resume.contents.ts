import type { Broker, Once } from '#server/broker/broker.js';
import { refuse } from '#server/errors.js';
import { after } from '#server/maybe.js';
import type { Parts } from '#server/parts.js';
import type { Request } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';

type Resume = Parts['resume'];

const wrong =
  (change: (right: Resume) => Partial<Resume>): Mutant['parts'] =>
  ({ resume }) => ({ resume: change(resume) });

/** The digest of a request of which something is not looked at. */
const blind = (change: (request: Request) => Partial<Request>) =>
  wrong(({ digest }) => ({ digest: (request) => digest({ ...request, ...change(request) }) }));

/** A broker whose memory of a request lasts from its last repetition. */
const renewing = (right: Broker): Partial<Broker> => ({
  recall: (user, id, at) =>
    after(right.recall(user, id, at), (first) => {
      if (first) void right.remember({ user, id, digest: first.digest }, first.data, at);
      return first;
    }),
});

/** A broker that keeps the requests of a user as members of a plain object. */
const plain = (right: Broker): Partial<Broker> => ({
  recall: (user, id, at) =>
    id in {} ? { digest: 'a member of every object', data: {} } : right.recall(user, id, at),
});

const contents: readonly [
  name: string,
  fault: string,
  change: (request: Request) => Partial<Request>,
][] = [
  [
    'text-not-compared',
    'Requests with another text are the same.',
    ({ data }) => ({ data: { ...data, text: '' } }),
  ],
  [
    'meta-not-compared',
    'Requests with another meta are the same.',
    ({ data: { meta: _, ...data } }) => ({ data }),
  ],
  ['room-not-compared', 'Requests for another room are the same.', () => ({ room: undefined })],
  [
    'payload-not-compared',
    'Binary messages with another payload are the same.',
    () => ({ payload: undefined }),
  ],
  [
    'name-not-compared',
    'Binary messages with another name are the same.',
    ({ data: { name: _, ...data } }) => ({ data }),
  ],
  [
    'media-type-not-compared',
    'Binary messages with another content_type are the same.',
    ({ data: { content_type: _, ...data } }) => ({ data }),
  ],
  [
    'recipient-not-compared',
    'A direct message to another user is a repetition.',
    ({ data: { to: _, ...data } }) => ({ data }),
  ],
];

/** The values in `text` and `meta` of a request, as a loose language compares them. */
const loosely =
  (change: (value: unknown) => unknown) =>
  ({ data: { text, meta, ...rest } }: Request): Partial<Request> => ({
    data: JSON.parse(JSON.stringify({ ...rest, text, meta }), (_name, value) => change(value)),
  });

const loose: readonly [name: string, fault: string, change: (value: unknown) => unknown][] = [
  ['true-equals-one', 'To the comparison true is 1.', (value) => (value === true ? 1 : value)],
  ['false-equals-zero', 'To the comparison false is 0.', (value) => (value === false ? 0 : value)],
  [
    'number-equals-text',
    'To the comparison a number is its text.',
    (value) => (typeof value === 'number' ? String(value) : value),
  ],
  [
    'texts-compared-as-numbers',
    'Texts that look like numbers are compared as numbers.',
    (value) => (typeof value === 'string' && value ? Number(value) || value : value),
  ],
  ['nothing-equals-null', 'To the comparison what is empty is null.', (value) => value || null],
  [
    'null-equals-absence',
    'Members that are null are left out of the comparison, and 0 is null.',
    (value) => (value === null || value === 0 ? undefined : value),
  ],
];

/** A broker that remembers the last 200 requests, whoever sent them. */
const bounded = (right: Broker): Partial<Broker> => {
  const last: string[] = [];
  const enter = ({ id, user }: Once) => {
    last.unshift(`${id} ${user}`);
    last.splice(200);
  };
  return {
    publish(publication) {
      if (publication.once) enter(publication.once);
      return right.publish(publication);
    },
    remember(once, data, at) {
      enter(once);
      return right.remember(once, data, at);
    },
    recall: (user, id, at) => (last.includes(`${id} ${user}`) ? right.recall(user, id, at) : null),
  };
};

/** A broker that remembers a request when it is executed for the first time. */
const once = (right: Broker): Partial<Broker> => {
  const known = new Set<string>();
  return {
    publish(publication) {
      const name = publication.once && `${publication.once.id} ${publication.once.user}`;
      const again = name !== null && known.has(name);
      if (name !== null) known.add(name);
      return right.publish(again ? { ...publication, once: null } : publication);
    },
  };
};

/** Faults in what is remembered of a request, for how long, and under which name. */
export const memories: readonly Mutant[] = [
  mutant(
    'resume-duplicate-same-ack',
    'repetition-renews-the-window',
    'A repetition begins the window of its request anew.',
    () => ({}),
    { broker: renewing },
  ),
  mutant(
    'resume-duplicate-same-ack',
    'last-200-requests-remembered',
    'The last 200 requests of all users together are remembered.',
    () => ({}),
    { broker: bounded },
  ),
  mutant(
    'resume-duplicate-same-ack',
    'executed-again-not-remembered',
    'A request that is executed again after its window is not remembered.',
    () => ({}),
    { broker: once },
  ),
  mutant(
    'resume-duplicate-same-ack',
    'expired-id-blocks-other-content',
    'An id whose window is over still belongs to the content that it had.',
    ({ gates }) => {
      const digests = new Map<string, string>();
      return {
        gates: {
          repeat: (core, connection, incoming) =>
            after(gates.repeat(core, connection, incoming), (effects) => {
              const { request, at, once } = incoming;
              if (effects || !once) return effects;
              const name = `${once.id} ${once.user}`;
              const first = digests.get(name) ?? once.digest;
              digests.set(name, first);
              return first === once.digest
                ? null
                : refuse(core, connection, request, at, 'duplicate_id', 'The id was used.');
            }),
        },
      };
    },
  ),
  mutant(
    'resume-duplicate-on-any-connection',
    'membership-before-repetition',
    'Whether the connection is in the room is looked at before the repetition is.',
    ({ precedence }) => ({
      precedence: precedence.flatMap((gate) =>
        gate === 'repeat' ? ['membership', 'repeat'] : gate === 'membership' ? [] : [gate],
      ),
    }),
  ),
  mutant(
    'messages-id-any-legal',
    'ids-of-every-object-known',
    'The ids of a user are members of a plain object, which has some that nobody put there.',
    () => ({}),
    { broker: plain },
  ),
  mutant(
    'resume-duplicate-same-ack',
    'id-of-the-prototype-lost',
    'The ids of a user are members of a plain object, in which `__proto__` cannot be remembered.',
    () => ({}),
    {
      broker: (right) => ({
        recall: (user, id, at) => (id === '__proto__' ? null : right.recall(user, id, at)),
      }),
    },
  ),
  mutant(
    'errors-invalid-payload',
    'repetition-before-payload',
    'Whether an id was used is looked at before the payload is.',
    ({ precedence }) => ({
      precedence: precedence.flatMap((gate) =>
        gate === 'payload' ? ['repeat', 'payload'] : gate === 'repeat' ? [] : [gate],
      ),
    }),
  ),
  ...loose.map(([name, fault, change]) =>
    mutant('resume-duplicate-other-content', name, fault, blind(loosely(change))),
  ),
  ...contents.map(([name, fault, change]) =>
    mutant('resume-duplicate-other-content', name, fault, blind(change)),
  ),
];
