import type { Broker, Joined, Past, Since } from '#server/broker/broker.js';
import { refuse } from '#server/errors.js';
import { enter, giveUp } from '#server/lobby.js';
import { after } from '#server/maybe.js';
import type { Parts } from '#server/parts.js';
import { perform } from '#server/perform.js';
import type { Connection, Effect, Outgoing, Step } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';
import { duplicates } from './resume.duplicates.js';
import { feeds } from './resume.feeds.js';
import { inChat, tampered } from './tampering.js';

type Resume = Parts['resume'];

const wrong =
  (change: (right: Resume) => Partial<Resume>): Mutant['parts'] =>
  ({ resume }) => ({ resume: change(resume) });

/** What was missed, changed; null: it is not all there. */
const missing = (
  change: (
    right: readonly Past[] | null,
    kept: readonly Past[],
    seq: number,
  ) => readonly Past[] | null | undefined,
) =>
  wrong(({ missed }) => ({
    missed: (kept, seq, present) => change(missed(kept, seq, present), kept, seq) ?? null,
  }));

/** An event as it is replayed, changed. */
const marked = (change: (marked: Outgoing, event: Outgoing) => Outgoing) =>
  wrong(({ mark }) => ({ mark: (event) => change(mark(event), event) }));

/** What the `ack` says of the recovery, changed. */
const told = (
  change: (ack: { recovered: boolean; replayed: number }, joined: Joined, since: Since) => object,
) =>
  wrong(({ recover }) => ({
    recover(joined, since) {
      const recovery = recover(joined, since);
      return {
        ...recovery,
        ack: change({ ...recovery.ack }, joined, since) as typeof recovery.ack,
      };
    },
  }));

/** The events of a replay, changed for one connection. */
const replaying = (change: (events: readonly Past[], connection: Connection) => readonly Past[]) =>
  tampered('join', (effects, _core, connection) =>
    effects.map((effect) =>
      effect.do === 'replay' ? { ...effect, events: change(effect.events, connection) } : effect,
    ),
  );

/** The effects of a join that recovers nothing. */
const unrecovered = (effects: readonly Effect[], data: object): Effect[] =>
  effects.flatMap((effect): Effect[] => {
    if (effect.do === 'replay') return [];
    if (effect.do !== 'send') return [effect];
    const { recovered: _, replayed: __, ...rest } = effect.message.data;
    return [{ ...effect, message: { ...effect.message, data: { ...rest, ...data } } }];
  });

const NOTHING = { recovered: false, replayed: 0 };

/** The broker that takes every epoch for the room's. */
const anyEpoch = (right: Broker): Partial<Broker> => ({
  join: (room, who, since, at) =>
    after(right.join(room, who, null, at), ({ epoch }) =>
      right.join(room, who, since && { ...since, epoch }, at),
    ),
});

/** A broker that keeps the last so many events of all rooms together. */
const oneHistory =
  (count: number) =>
  (right: Broker): Partial<Broker> => {
    const last: unknown[] = [];
    return {
      publish(publication) {
        last.unshift(publication.message.id);
        last.splice(count);
        return right.publish(publication);
      },
      join: (room, who, since, at) =>
        after(right.join(room, who, since, at), (joined) =>
          joined.missed?.some(({ message }) => !last.includes(message.id))
            ? { ...joined, missed: null }
            : joined,
        ),
    };
  };

const replays: readonly Mutant[] = [
  mutant(
    'resume-missed-events-replayed',
    'one-history-of-all-rooms',
    'The rooms share one history, in which the talk of one pushes out that of another.',
    () => ({}),
    { broker: oneHistory(8) },
  ),
  mutant(
    'resume-missed-events-replayed',
    'replay-of-a-page',
    'Of a long absence only the last hundred events are replayed.',
    missing((right) => right?.slice(-100)),
  ),
  mutant(
    'resume-missed-events-replayed',
    'replay-from-last-seen',
    'The replay begins with the event that the client has.',
    missing((right, kept, seq) => right && kept.filter(({ message }) => (message.seq ?? 0) >= seq)),
  ),
  mutant(
    'resume-missed-events-replayed',
    'replay-newest-first',
    'The newest event is replayed first.',
    missing((right) => right?.toReversed()),
  ),
  mutant(
    'resume-missed-events-replayed',
    'replay-without-own',
    'What the user wrote is not replayed.',
    replaying((events, { grant }) => events.filter(({ message }) => message.from !== grant.user)),
  ),
  mutant(
    'resume-missed-events-replayed',
    'replay-chat-only',
    'Binary messages are not replayed.',
    missing((right) => right?.filter(({ message }) => message.type === 'chat')),
  ),
  mutant(
    'resume-missed-events-replayed',
    'replay-to-known-users-only',
    'Who has never been in the room is told nothing of what it missed.',
    (parts) => {
      const known = new Set<string>();
      return tampered('join', (effects, _core, { grant }, { request }) => {
        const visit = `${request.room} ${grant.user}`;
        if (known.has(visit)) return effects;
        known.add(visit);
        return request.data['since'] ? unrecovered(effects, NOTHING) : effects;
      })(parts);
    },
  ),
  mutant(
    'resume-missed-events-replayed',
    'replay-with-ack-only',
    'A join without an id, which gets no ack, gets no replay either.',
    tampered('join', (effects, _core, _connection, { request }) =>
      request.id === undefined ? effects.filter((effect) => effect.do !== 'replay') : effects,
    ),
  ),
  mutant(
    'resume-missed-events-replayed',
    'history-expires-as-one',
    'The history of a room is gone once its oldest event has expired.',
    (parts) => {
      const begun = new Map<string, number>();
      const { steps } = tampered('join', (effects, core, _connection, { request, at }) => {
        const oldest = begun.get(request.room ?? '') ?? at.steady;
        const expired = oldest + (core.config.resume?.window_ms ?? 0) <= at.steady;
        const replays = effects.some((each) => each.do === 'replay' && each.events.length > 0);
        return expired && replays ? unrecovered(effects, NOTHING) : effects;
      })(parts);
      return {
        steps: {
          ...steps,
          chat(core, connection, incoming) {
            const { request, at } = incoming;
            const room = request.room ?? '';
            if (!begun.has(room)) begun.set(room, at.steady);
            return (parts.steps['chat'] as Step)(core, connection, incoming);
          },
        },
      };
    },
  ),
  mutant(
    'resume-missed-events-replayed',
    'last-seen-has-to-be-kept',
    'A replay begins at the event that the client has, which has to be in the history.',
    missing((right, kept, seq) =>
      seq === 0 || right?.length === 0 || kept.some(({ message }) => message.seq === seq)
        ? right
        : null,
    ),
  ),
  mutant(
    'resume-replay-marked',
    'replay-unmarked',
    'A replayed event looks like a live one.',
    marked((_, event) => event),
  ),
  mutant(
    'resume-replay-marked',
    'replay-of-binary-unmarked',
    'A replayed binary message looks like a live one.',
    marked((right, event) => (event.type === 'binary' ? event : right)),
  ),
  mutant(
    'resume-live-events-unmarked',
    'live-marked-false',
    'A live event says that it is no replay.',
    inChat(({ relayed }) => ({ relayed: (request) => ({ ...relayed(request), replay: false }) })),
  ),
  mutant(
    'resume-live-events-unmarked',
    'replay-as-claimed',
    'An event is a replay when its sender says so.',
    inChat(({ relayed }) => ({
      relayed: (request) =>
        request.data['replay'] === true ? { ...relayed(request), replay: true } : relayed(request),
    })),
  ),
  mutant(
    'resume-live-events-unmarked',
    'connection-marked',
    'Who has come back gets every event marked from then on.',
    (parts) => {
      const back = new WeakSet<Connection>();
      return {
        ...tampered('join', (effects, _core, connection) => {
          if (effects.some((effect) => effect.do === 'replay')) back.add(connection);
          return effects;
        })(parts),
        rooms: {
          audience(core, { members }, { message }) {
            if (message.type !== 'chat') return 'members';
            for (const member of members) {
              const copy = back.has(member) ? parts.resume.mark(message) : message;
              member.link.send(parts.messages.encode(core, copy, undefined));
            }
            return [];
          },
        },
      };
    },
  ),
  mutant(
    'resume-replayed-events-unchanged',
    'replay-stamped-anew',
    'A replayed event has the time of its replay.',
    marked((right) => ({ ...right, timestamp: new Date().toISOString() })),
  ),
  mutant(
    'resume-replayed-events-unchanged',
    'replay-with-new-ids',
    'A replayed event has another id.',
    marked((right) => ({ ...right, id: `again-${right.id}` })),
  ),
  mutant(
    'resume-replayed-events-unchanged',
    'replay-without-meta',
    'The history keeps texts, and nothing else.',
    marked((right) => {
      const { meta: _, ...data } = right.data;
      return { ...right, data };
    }),
  ),
  mutant(
    'resume-replayed-events-unchanged',
    'replay-without-payload',
    'The history keeps the headers of binary messages only.',
    replaying((events) =>
      events.map((event) => (event.payload ? { ...event, payload: Buffer.of() } : event)),
    ),
  ),
  mutant(
    'resume-replayed-events-unchanged',
    'empty-payload-replayed-as-text',
    'A binary message whose payload is empty is replayed as a text message.',
    replaying((events) =>
      events.map((event) => (event.payload?.length === 0 ? { message: event.message } : event)),
    ),
  ),
  mutant(
    'resume-ack-counts-replay',
    'replay-not-counted',
    'The ack says of every replay that it has no events.',
    told((ack) => ({ ...ack, replayed: 0 })),
  ),
  mutant(
    'resume-ack-counts-replay',
    'ack-without-recovered',
    'The ack says how much is replayed, and not whether that is all.',
    told(({ replayed }) => ({ replayed })),
  ),
  mutant(
    'resume-ack-counts-replay',
    'ack-counts-the-room',
    'The ack counts the events of the room.',
    told((ack, { seq }) => ({ ...ack, replayed: ack.recovered ? seq : 0 })),
  ),
  mutant(
    'resume-replay-before-live',
    'replay-after-subscribing',
    'The server subscribes, then reads the history: live events come before the replay.',
    tampered('join', (effects, core, connection) => {
      for (const effect of effects) {
        if (effect.do === 'enter') enter(core, connection, effect.room, effect.rev);
        if (effect.do === 'replay') setTimeout(() => perform(core, connection, [effect]), 10);
      }
      return effects.filter((effect) => effect.do === 'send');
    }),
  ),
  mutant(
    'resume-replay-before-live',
    'subscription-after-replay',
    'The server reads the history, then subscribes: what happens in between is lost.',
    tampered('join', (effects, core, connection) => {
      for (const effect of effects)
        if (effect.do === 'enter')
          setTimeout(() => {
            giveUp(core, connection, effect.room);
            enter(core, connection, effect.room, effect.rev);
          }, 10);
      return effects.filter((effect) => effect.do !== 'enter');
    }),
  ),
];

const limits: readonly Mutant[] = [
  mutant(
    'resume-nothing-missed-recovered',
    'last-seen-looked-for',
    'Nothing is recovered where the event that the client has is gone.',
    missing((right, kept, seq) => (kept.some(({ message }) => message.seq === seq) ? right : null)),
  ),
  mutant(
    'resume-nothing-missed-recovered',
    'nothing-is-a-failure',
    'Where nothing was missed, nothing is recovered.',
    missing((right) => (right?.length === 0 ? null : right)),
  ),
  mutant(
    'resume-from-zero-recovered',
    'zero-is-no-since',
    'A since of 0 is taken for none.',
    wrong(({ since }) => ({
      since(request) {
        const given = since(request);
        return given?.seq ? given : null;
      },
    })),
  ),
  mutant(
    'resume-from-zero-recovered',
    'zero-recovers-nothing',
    'A client that has nothing is recovered nothing.',
    missing((right, _kept, seq) => (seq === 0 ? null : right)),
  ),
  mutant(
    'resume-from-zero-recovered',
    'zero-recovers-what-there-is',
    'A client that has nothing is replayed whatever is left.',
    missing((right, kept, seq) => (seq === 0 ? kept : right)),
  ),
  mutant(
    'resume-unknown-epoch-not-recovered',
    'epoch-not-compared',
    'The epoch of a since is not looked at.',
    () => ({}),
    { broker: anyEpoch },
  ),
  mutant(
    'resume-unknown-epoch-not-recovered',
    'same-seq-is-enough',
    'Who has the number of the last event has missed nothing, whatever the epoch.',
    told((ack, { seq }, since) => (since.seq === seq ? { recovered: true, replayed: 0 } : ack)),
  ),
  mutant(
    'resume-unknown-epoch-not-recovered',
    'unknown-epoch-replays-all',
    'Who comes from another epoch is not recovered, and is replayed the whole history.',
    wrong(({ recover }) => ({
      recover: (joined, since) =>
        since.epoch === joined.epoch
          ? recover(joined, since)
          : { ack: NOTHING, events: joined.missed ?? [] },
    })),
    {
      broker: (right) => ({
        join: (room, who, since, at) =>
          after(right.join(room, who, null, at), ({ epoch }) =>
            right.join(room, who, since && since.epoch !== epoch ? { epoch, seq: 0 } : since, at),
          ),
      }),
    },
  ),
  mutant(
    'resume-unknown-epoch-not-recovered',
    'unknown-epoch-refused',
    'A join from another epoch is an error.',
    ({ resume, gates }) => {
      const epochs = new Set<string>();
      return {
        resume: {
          newEpoch(room) {
            const epoch = resume.newEpoch(room);
            epochs.add(epoch);
            return epoch;
          },
        },
        gates: {
          permission(core, connection, incoming) {
            const { request, at } = incoming;
            const since = request.data['since'] as Since | undefined;
            if (since === undefined || epochs.has(since.epoch))
              return gates.permission(core, connection, incoming);
            return refuse(core, connection, request, at, 'invalid_payload', 'Unknown epoch.', {
              path: '/data/since/epoch',
            });
          },
        },
      };
    },
  ),
  mutant(
    'resume-evicted-range-not-recovered',
    'part-replayed',
    'What is left of the gap is replayed, and counts as all.',
    missing((right, kept, seq) => right ?? kept.filter(({ message }) => (message.seq ?? 0) > seq)),
  ),
  mutant(
    'resume-evicted-range-not-recovered',
    'part-replayed-and-admitted',
    'What is left of the gap is replayed, with the word that it is not all.',
    ({ resume }) => {
      let left: readonly Past[] = [];
      return {
        resume: {
          missed(kept, seq, present) {
            left = kept.filter(({ message }) => (message.seq ?? 0) > seq);
            return resume.missed(kept, seq, present);
          },
          recover(joined, since) {
            const recovery = resume.recover(joined, since);
            if (recovery.ack.recovered || since.epoch !== joined.epoch) return recovery;
            return { ack: { recovered: false, replayed: left.length }, events: left };
          },
        },
      };
    },
  ),
  mutant(
    'resume-future-seq-not-recovered',
    'future-has-missed-nothing',
    'Who claims more than there is has missed nothing.',
    missing((right, kept, seq) => (seq > (kept.at(-1)?.message.seq ?? 0) ? [] : right)),
  ),
  mutant(
    'resume-future-seq-not-recovered',
    'future-replays-all',
    'Who claims more than there is begins from 0.',
    missing((right, kept, seq) => (seq > (kept.at(-1)?.message.seq ?? 0) ? kept : right)),
  ),
  mutant(
    'resume-future-seq-not-recovered',
    'seq-of-32-bits',
    'The number of a since is cast to 32 bits.',
    wrong(({ since }) => ({
      since(request) {
        const given = since(request);
        return given && { ...given, seq: given.seq | 0 };
      },
    })),
  ),
  mutant(
    'resume-future-seq-not-recovered',
    'seq-of-31-bits',
    'The number of a since is negative beyond 31 bits, and taken for 0.',
    wrong(({ since }) => ({
      since(request) {
        const given = since(request);
        return given && given.seq < 2 ** 32 ? { ...given, seq: Math.max(0, given.seq | 0) } : given;
      },
    })),
  ),
  ...(
    [
      ['since-not-validated', 'A since may be anything.', () => true],
      [
        'since-with-true',
        'The number of a since may be true, which is 1.',
        ({ seq }) => seq === true,
      ],
      [
        'since-beyond-53-bits',
        'The number of a since may be one that binary64 does not hold exactly.',
        ({ seq }) => Number(seq) > Number.MAX_SAFE_INTEGER,
      ],
      [
        'since-without-epoch',
        'A since needs no epoch.',
        ({ epoch, seq }) => epoch === undefined && Number.isInteger(seq),
      ],
      ['since-coerced', 'A seq may be a string of digits.', ({ seq }) => seq === '1'],
      ['since-negative', 'A seq may be negative.', ({ seq }) => seq === -1],
    ] as readonly [string, string, (since: Readonly<Record<string, unknown>>) => boolean][]
  ).map(([name, fault, lets]) =>
    mutant('resume-since-validated', name, fault, ({ messages }) => ({
      messages: {
        payload(request, core) {
          const since = request.data['since'] as Readonly<Record<string, unknown>> | undefined;
          return since && lets(since) ? null : messages.payload(request, core);
        },
      },
    })),
  ),
  mutant(
    'resume-since-validated',
    'since-false-is-absent',
    'A since of null, 0, false or an empty text counts as absent.',
    ({ messages }) => ({
      messages: {
        payload: (request, core) =>
          'since' in request.data && !request.data['since']
            ? null
            : messages.payload(request, core),
      },
    }),
  ),
  mutant(
    'resume-since-validated',
    'since-fault-without-path',
    'The error for a wrong since points at the whole of data.',
    ({ messages }) => ({
      messages: {
        payload(request, core) {
          const fault = messages.payload(request, core);
          return fault?.path.startsWith('/data/since') ? { ...fault, path: '/data' } : fault;
        },
      },
    }),
  ),
  mutant(
    'resume-replay-obeys-authorization',
    'returning-client-trusted',
    'Who comes back is taken for one that has been checked.',
    ({ gates }) => ({
      gates: {
        permission: (core, connection, incoming) =>
          incoming.request.data['since'] ? null : gates.permission(core, connection, incoming),
      },
    }),
  ),
  mutant(
    'resume-member-catches-up',
    'members-not-replayed',
    'Who is a member is replayed nothing.',
    tampered('join', (effects, _core, { rooms }, { request }) =>
      request.data['since'] && rooms.has(request.room ?? '')
        ? unrecovered(effects, NOTHING)
        : effects,
    ),
  ),
  mutant(
    'resume-member-catches-up',
    'since-of-members-ignored',
    'The since of a member is not looked at.',
    tampered('join', (effects, _core, { rooms }, { request }) =>
      rooms.has(request.room ?? '') ? unrecovered(effects, {}) : effects,
    ),
  ),
  mutant(
    'resume-member-catches-up',
    'catching-up-announced',
    'A member that catches up leaves and joins for the others.',
    tampered('join', (effects, core, { rooms, grant }, { request, at }) => {
      const room = request.room ?? '';
      if (request.data['since'] && rooms.has(room))
        void core.broker.relay(room, core.parts.rooms.joinEvent(room, grant.user, at), grant.user);
      return effects;
    }),
  ),
  mutant(
    'resume-epoch-new-after-restart',
    'epoch-of-protocol',
    'Every room has the same epoch for ever.',
    wrong(() => ({ newEpoch: () => 'e1' })),
  ),
  mutant(
    'resume-epoch-new-after-restart',
    'epoch-of-room',
    "An epoch is made of the room's name.",
    wrong(() => ({ newEpoch: (room) => Buffer.from(room).toString('hex').slice(0, 64) })),
  ),
  mutant('resume-epoch-new-after-restart', 'epoch-counted', 'Epochs are counted from 1.', () => {
    let count = 0;
    return {
      resume: {
        newEpoch() {
          count += 1;
          return `e${count}`;
        },
      },
    };
  }),
];

/** Faults of the chapter `resume`. */
export const resume: readonly Mutant[] = [...replays, ...limits, ...feeds, ...duplicates];
