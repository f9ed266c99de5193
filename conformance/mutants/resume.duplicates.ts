import type { Broker, Remembered } from '#server/broker/broker.js';
import { after, type Maybe } from '#server/maybe.js';
import type { Parts } from '#server/parts.js';
import type { Connection, Core, Effect, Incoming, Step } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';
import { memories } from './resume.contents.js';

type Resume = Parts['resume'];

const wrong =
  (change: (right: Resume) => Partial<Resume>): Mutant['parts'] =>
  ({ resume }) => ({ resume: change(resume) });

/** Something besides, whenever a request is found to be a repetition. */
const onRepeat =
  (
    act: (core: Core, connection: Connection, incoming: Incoming, parts: Parts) => void,
  ): Mutant['parts'] =>
  (parts) => ({
    gates: {
      repeat: (core, connection, incoming) =>
        after(parts.gates.repeat(core, connection, incoming), (effects) => {
          if (effects) act(core, connection, incoming, parts);
          return effects;
        }),
    },
  });

const carryOut = (core: Core, connection: Connection, incoming: Incoming, { steps }: Parts) =>
  void steps[incoming.request.type]?.(core, connection, { ...incoming, once: null });

/** Looks a request up, and does not see one that is still being executed. */
const hasty = (
  core: Core,
  connection: Connection,
  incoming: Incoming,
): Maybe<readonly Effect[] | null> => {
  const { request, at } = incoming;
  const { resume } = core.parts;
  if (request.id === undefined || !resume.covers(request.type)) return null;
  const user = connection.grant.user;
  incoming.once = { user, id: request.id, digest: resume.digest(request) };
  return after(core.broker.recall(user, request.id, at), (first) =>
    first ? resume.repeat(core, incoming, first) : null,
  );
};

/** A broker that remembers every request that was published, for ever. */
const forEver = (right: Broker): Partial<Broker> => {
  const memory = new Map<string, Remembered>();
  return {
    publish: (publication) =>
      after(right.publish(publication), (result) => {
        const { once, message } = publication;
        if (once && 'seq' in result) {
          const data = { id: message.id, seq: result.seq };
          memory.set(`${once.id} ${once.user}`, { digest: once.digest, data });
        }
        return result;
      }),
    recall: (user, id, at) => memory.get(`${id} ${user}`) ?? right.recall(user, id, at),
  };
};

/** A broker that remembers the last request of each user. */
const lastOnly = (right: Broker): Partial<Broker> => {
  const last = new Map<string, string>();
  return {
    publish(publication) {
      const { once } = publication;
      if (once) last.set(once.user, once.id);
      return right.publish(publication);
    },
    remember(once, data, at) {
      last.set(once.user, once.id);
      return right.remember(once, data, at);
    },
    recall: (user, id, at) => (last.get(user) === id ? right.recall(user, id, at) : null),
  };
};

const slowly = (right: Broker): Partial<Broker> => ({
  publish: (publication) =>
    new Promise((resolve) => setTimeout(() => resolve(right.publish(publication)), 10)),
});

/** Faults in recognising repeated requests. */
export const duplicates: readonly Mutant[] = [
  ...memories,
  mutant(
    'resume-duplicate-same-ack',
    'repetition-executed',
    'A repeated request is executed like any other.',
    () => ({ gates: { repeat: () => null } }),
  ),
  mutant(
    'resume-duplicate-same-ack',
    'repetition-unmarked',
    'The ack of a repeated request does not say so.',
    wrong(() => ({ repeated: (first) => first })),
  ),
  mutant(
    'resume-duplicate-same-ack',
    'repetition-with-own-id',
    'The ack of a repeated request has an id of its own.',
    wrong(({ repeated }) => ({ repeated: (first) => ({ ...repeated(first), id: 'of-its-own' }) })),
  ),
  mutant(
    'resume-duplicate-same-ack',
    'repetition-without-seq',
    'The ack of a repeated request says duplicate, and nothing else.',
    wrong(() => ({ repeated: ({ id }) => ({ id, duplicate: true }) })),
  ),
  ...(['direct', 'broadcast', 'binary'] as const).map((type) =>
    mutant(
      'resume-duplicate-same-ack',
      `repeated-${type}-not-seen`,
      `A repeated ${type} is not recognised.`,
      wrong(({ covers }) => ({ covers: (each) => each !== type && covers(each) })),
    ),
  ),
  mutant(
    'resume-duplicate-same-ack',
    'compared-as-written',
    'Requests are compared as they were written, member by member in their order.',
    wrong(({ digest }) => ({
      digest: (request) => JSON.stringify(request.data) + digest(request),
    })),
  ),
  mutant(
    'resume-duplicate-same-ack',
    'last-request-remembered-only',
    'Only the last request of each user is remembered.',
    () => ({}),
    { broker: lastOnly },
  ),
  mutant(
    'resume-duplicate-same-ack',
    'recipient-before-repetition',
    'Whether the recipient of a direct is there is looked at before the repetition is.',
    ({ gates }) => ({
      gates: {
        repeat(core, connection, incoming) {
          const { type, data } = incoming.request;
          return type === 'direct' && !core.users.has(String(data['to']))
            ? null
            : gates.repeat(core, connection, incoming);
        },
      },
    }),
  ),
  mutant(
    'resume-duplicate-same-ack',
    'refused-id-never-remembered',
    'An id that was refused once is never remembered.',
    ({ errors, gates }) => {
      const refused = new Set<string>();
      const name = ({ id, room }: { id?: string | undefined; room?: string | undefined }) =>
        `${room} ${id}`;
      return {
        errors: {
          message(core, request, ...rest) {
            if (request) refused.add(name(request));
            return errors.message(core, request, ...rest);
          },
        },
        gates: {
          repeat: (core, connection, incoming) =>
            refused.has(name(incoming.request)) ? null : gates.repeat(core, connection, incoming),
        },
      };
    },
  ),
  mutant(
    'resume-duplicate-same-ack',
    'remembered-for-ever',
    'A request is remembered for as long as the server runs.',
    () => ({}),
    { broker: forEver },
  ),
  mutant(
    'resume-duplicate-not-delivered',
    'repetition-delivered',
    'A repeated request is answered as it should be, and carried out.',
    onRepeat(carryOut),
  ),
  ...(['direct', 'broadcast', 'binary'] as const).map((type) =>
    mutant(
      'resume-duplicate-not-delivered',
      `repeated-${type}-delivered`,
      `A repeated ${type} is carried out.`,
      onRepeat((core, connection, incoming, parts) => {
        if (incoming.request.type === type) carryOut(core, connection, incoming, parts);
      }),
    ),
  ),
  mutant(
    'resume-duplicate-not-delivered',
    'remembered-when-done',
    'A request is remembered once it is done, so that its twin on another connection is executed beside it.',
    () => ({ gates: { repeat: hasty } }),
    { broker: slowly },
  ),
  mutant(
    'resume-duplicate-free-of-quota',
    'repetitions-counted',
    'Repeated requests are counted.',
    onRepeat((core, connection, incoming, { gates }) => {
      void gates.rate(core, connection, incoming);
    }),
  ),
  mutant(
    'resume-duplicate-free-of-quota',
    'repetitions-refused',
    'The rate is looked at before the repetition is.',
    ({ precedence }) => ({
      precedence: precedence.flatMap((gate) =>
        gate === 'repeat' ? ['rate', 'repeat'] : gate === 'rate' ? [] : [gate],
      ),
    }),
  ),
  mutant(
    'resume-duplicate-free-of-quota',
    'repetitions-refused-when-full',
    'Repeated requests are not counted, and refused when the bucket is full.',
    ({ gates }) => {
      const counts = new Map<string, number>();
      return {
        gates: {
          repeat: (core, connection, incoming) =>
            after(gates.repeat(core, connection, incoming), (effects) => {
              const full = (counts.get(connection.grant.user) ?? 0) >= 10;
              return effects && full ? gates.rate(core, connection, incoming) : effects;
            }),
          rate: (core, connection, incoming) =>
            after(gates.rate(core, connection, incoming), (refusal) => {
              const { user } = connection.grant;
              const counted = !refusal && incoming.request.type === 'chat';
              if (counted) counts.set(user, (counts.get(user) ?? 0) + 1);
              return refusal;
            }),
        },
      };
    },
  ),
  mutant(
    'resume-duplicate-on-any-connection',
    'memory-of-connection',
    'What was accepted is remembered by the connection.',
    wrong(() => ({ owner: (user, connection) => `${user} ${connection}` })),
  ),
  mutant(
    'resume-duplicate-other-content',
    'ids-compared-only',
    'A request with a known id is a repetition, whatever it says.',
    wrong(() => ({ digest: () => 'equal' })),
  ),
  mutant(
    'resume-duplicate-other-content',
    'other-content-executed',
    'A request with a known id and other content is executed.',
    ({ gates, resume }) => ({
      gates: {
        repeat: (core, connection, incoming) =>
          after(gates.repeat(core, connection, incoming), (effects) =>
            effects?.some((it) => it.do === 'send' && it.message.data['code'] === 'duplicate_id') &&
            resume.covers(incoming.request.type)
              ? null
              : effects,
          ),
      },
    }),
  ),
  mutant(
    'resume-duplicate-other-content',
    'type-not-compared',
    'A request of another type with the same id is a repetition.',
    wrong(({ digest }) => ({
      digest: (request) =>
        digest({ ...request, type: 'chat', room: undefined, payload: undefined, data: {} }) +
        (request.type === 'chat' || request.type === 'direct'
          ? JSON.stringify([request.data['text'], request.data['meta'] ?? null])
          : ''),
    })),
  ),
  mutant(
    'resume-ids-private-to-user',
    'ids-of-all-users',
    'A request is recognised by its id, whoever sent it.',
    wrong(() => ({ owner: () => 'everybody' })),
  ),
  mutant(
    'resume-refused-request-not-remembered',
    'remembered-on-receipt',
    'A request is remembered when it comes, whatever becomes of it.',
    ({ gates }) => ({
      gates: {
        repeat: (core, connection, incoming) =>
          after(gates.repeat(core, connection, incoming), (effects) => {
            const { once, at } = incoming;
            if (!effects && once) void core.broker.remember(once, { id: 'early', seq: 1 }, at);
            return effects;
          }),
      },
    }),
  ),
  mutant(
    'resume-refused-request-not-remembered',
    'unavailable-remembered',
    'A direct message that reached nobody is remembered as accepted.',
    ({ steps }) => ({
      steps: {
        direct: (core, connection, incoming) =>
          after((steps['direct'] as Step)(core, connection, incoming), (effects) => {
            const { once, at } = incoming;
            const refused = effects.some(
              (each) => each.do === 'send' && each.message.type === 'error',
            );
            if (refused && once) void core.broker.remember(once, { id: 'never-sent' }, at);
            return effects;
          }),
      },
    }),
  ),
  mutant(
    'resume-refused-request-not-remembered',
    'rate-limited-remembered',
    'A request that was refused for its rate is remembered.',
    ({ gates }) => ({
      gates: {
        rate: (core, connection, incoming) =>
          after(gates.rate(core, connection, incoming), (refusal) => {
            const { once, at } = incoming;
            if (refusal && once) void core.broker.remember(once, { id: 'early', seq: 1 }, at);
            return refusal;
          }),
      },
    }),
  ),
];
