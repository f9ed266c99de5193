import type { Broker } from '#server/broker/broker.js';
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
    'recipient-not-compared',
    'A direct message to another user is a repetition.',
    ({ data: { to: _, ...data } }) => ({ data }),
  ],
];

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
  ...contents.map(([name, fault, change]) =>
    mutant('resume-duplicate-other-content', name, fault, blind(change)),
  ),
];
