import type { Item } from '#server/broker/broker.js';
import { refuse } from '#server/errors.js';
import { enter, giveUp, leave } from '#server/lobby.js';
import type { Connection, Core, Effect, Incoming, Step } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';
import { crowds } from './rooms.crowds.js';
import { inRooms, pause, replying, tampered, ungated } from './tampering.js';

const room = (name: string | undefined) => name ?? '';
const mates = (users: ReadonlyMap<string, Set<Connection>>, connection: Connection) =>
  [...(users.get(connection.grant.user) ?? [])].filter((each) => each !== connection);

const curt = (effect: Effect): Effect => {
  if (effect.do !== 'send') return effect;
  const { seq, epoch } = effect.message.data;
  return { ...effect, message: { ...effect.message, data: { seq, epoch } } };
};

// A membership that begins or ends only after the room's next chat, though it was acknowledged before.
function belated(
  type: string,
  kind: 'enter' | 'leave',
  act: (core: Core, connection: Connection, name: string, rev: number) => void,
): Mutant['parts'] {
  return (right) => {
    const due = new Map<string, () => void>();
    const { steps = {} } = tampered(type, (effects, core, connection) => {
      for (const effect of effects)
        if (effect.do === kind)
          due.set(effect.room, () =>
            act(core, connection, effect.room, 'rev' in effect ? effect.rev : 0),
          );
      return effects.filter((effect) => effect.do !== kind);
    })(right);
    const audience = (_core: Core, { name }: { name: string }, { message }: Item) => {
      if (message.type === 'chat') queueMicrotask(due.get(name) ?? (() => {}));
      return 'members' as const;
    };
    return { steps, rooms: { audience } };
  };
}

const joining: readonly Mutant[] = [
  mutant(
    'rooms-join-acked',
    'join-ack-without-snapshot',
    'The ack of a join says nothing but where the room stands.',
    inRooms(() => ({ joinAck: ({ seq, epoch }) => ({ seq, epoch }) })),
  ),
  mutant(
    'rooms-join-includes-oneself',
    'list-taken-before-joining',
    'The list of members is taken before the new one is added.',
    inRooms((right) => ({
      joinAck: (joined) => {
        const { members, ...rest } = right.joinAck(joined);
        return { ...rest, members: (members as string[]).slice(0, -1) };
      },
    })),
  ),
  mutant(
    'rooms-join-ack-first',
    'answers-after-subscribing',
    'The server subscribes, awaits something, then answers.',
    tampered('join', async (effects, core, connection) => {
      for (const effect of effects)
        if (effect.do === 'enter') enter(core, connection, effect.room, effect.rev);
      await pause(10);
      return effects.filter((effect) => effect.do !== 'enter');
    }),
  ),
  mutant(
    'rooms-join-then-every-event',
    'subscribes-after-answering',
    'The server answers before its subscription is in force.',
    belated('join', 'enter', (core, connection, name, rev) => {
      giveUp(core, connection, name);
      enter(core, connection, name, rev);
    }),
  ),
  mutant(
    'rooms-join-nothing-older',
    'ack-names-the-next-seq',
    'The ack of a join carries the seq of the next event, not of the last.',
    replying('join', (data) => ({ ...data, seq: Number(data['seq']) + 1 })),
  ),
  mutant(
    'rooms-join-idempotent',
    'second-join-refused',
    'A join of a room that the connection is in is an error.',
    ({ gates }) => ({
      gates: {
        room: (core, connection, incoming) =>
          incoming.request.type === 'join' && connection.rooms.has(room(incoming.request.room))
            ? refuse(core, connection, incoming.request, incoming.at, 'forbidden', 'Already here.')
            : gates.room(core, connection, incoming),
      },
    }),
  ),
  mutant(
    'rooms-join-idempotent',
    'second-join-without-snapshot',
    'The ack of a second join carries seq and epoch only.',
    tampered('join', (effects, _core, connection, { request }) =>
      connection.rooms.has(room(request.room)) ? effects.map(curt) : effects,
    ),
  ),
  mutant(
    'rooms-rejoin-silent',
    'second-join-announced',
    'Every join is announced, also one that changes nothing.',
    tampered('join', (effects, core, connection, { request, at }) => {
      if (connection.rooms.has(room(request.room))) {
        const event = core.parts.rooms.joinEvent(room(request.room), connection.grant.user, at);
        void core.broker.relay(room(request.room), event, connection.grant.user);
      }
      return effects;
    }),
  ),
  mutant(
    'rooms-join-not-doubled',
    'members-kept-in-a-list',
    'Members are a list: who joins twice receives everything twice.',
    ({ steps }) => {
      const twice = new Map<string, Connection>();
      return {
        steps: {
          join(core, connection, incoming) {
            const name = room(incoming.request.room);
            if (connection.rooms.has(name)) twice.set(name, connection);
            return steps['join']?.(core, connection, incoming) ?? [];
          },
        },
        rooms: {
          audience: (_core, { name, members }, { message }) => {
            const again = twice.get(name);
            return message.type === 'chat' && again ? [...members, again] : 'members';
          },
        },
      };
    },
  ),
  mutant(
    'rooms-fresh-seq-zero',
    'fresh-room-at-one',
    'A room without an event says that it stands at 1.',
    replying('join', (data) => ({ ...data, seq: Math.max(1, Number(data['seq'])) })),
  ),
  mutant(
    'rooms-epoch-with-seq',
    'epoch-survives-its-room',
    'A room that was forgotten begins at 0 again in its old epoch.',
    () => ({ resume: { newEpoch: () => 'e1' } }),
    { env: { PARLOR_FEATURES: 'operations' } },
  ),
  mutant(
    'rooms-epoch-shared',
    'epoch-per-join',
    'Each join is told an epoch of its own.',
    replying('join', (data, core) => ({ ...data, epoch: core.newId() })),
  ),
  mutant(
    'rooms-since-ignored',
    'since-validated-without-resume',
    'A since is validated although resume is not announced.',
    ({ messages }) => ({
      messages: {
        payload: (request, core) =>
          typeof (request.data['since'] ?? {}) === 'object'
            ? messages.payload(request, core)
            : { path: '/data/since', message: 'must be an object' },
      },
    }),
  ),
];

const leaving: readonly Mutant[] = [
  mutant(
    'rooms-leave-acked',
    'leave-without-ack',
    'A leave is carried out and not acknowledged.',
    tampered('leave', (effects) => effects.filter((effect) => effect.do !== 'send')),
  ),
  mutant(
    'rooms-leave-stops-events',
    'leave-takes-effect-late',
    'The ack of a leave overtakes the end of the subscription.',
    belated('leave', 'leave', leave),
  ),
  mutant(
    'rooms-leave-idempotent',
    'leave-needs-membership',
    'A leave of a room that the connection is not in is not_in_room.',
    ({ gates }) => ({
      gates: {
        membership: (core, connection, incoming) =>
          incoming.request.type === 'leave' && !connection.rooms.has(room(incoming.request.room))
            ? refuse(core, connection, incoming.request, incoming.at, 'not_in_room', 'Not there.')
            : gates.membership(core, connection, incoming),
      },
    }),
  ),
  mutant(
    'rooms-leave-idempotent',
    'leave-needs-permission',
    'A leave of a room that the token does not allow is forbidden.',
    ({ gates, rooms: right }) => ({
      gates: {
        permission: (core, connection, incoming) =>
          incoming.request.type === 'leave' &&
          !right.allowed(connection.grant, room(incoming.request.room))
            ? refuse(core, connection, incoming.request, incoming.at, 'forbidden', 'Not allowed.')
            : gates.permission(core, connection, incoming),
      },
    }),
  ),
  mutant(
    'rooms-leave-this-connection-only',
    'leave-takes-all-tabs',
    'Rooms hold users: one tab that leaves takes the others with it.',
    tampered('leave', (effects, core, connection, { request }) => {
      for (const mate of mates(core.users, connection)) leave(core, mate, room(request.room));
      return effects;
    }),
  ),
  mutant(
    'rooms-join-this-connection-only',
    'join-takes-all-tabs',
    'Rooms hold users: one tab that joins takes the others with it.',
    tampered('join', (effects, core, connection, { request }) => {
      for (const mate of mates(core.users, connection)) enter(core, mate, room(request.room), 0);
      return effects;
    }),
  ),
  mutant(
    'rooms-closed-has-left',
    'closed-stays-member',
    'Nobody cleans up after a connection that closed.',
    inRooms(() => ({ vacated: () => [] })),
  ),
  mutant(
    'rooms-closed-has-left',
    'closed-leaves-first-room-only',
    'A connection that closed is taken out of one room only.',
    inRooms(() => ({ vacated: ({ rooms }) => [...rooms.keys()].slice(0, 1) })),
  ),
  mutant(
    'rooms-closed-has-left',
    'closed-by-server-stays-member',
    'Nobody cleans up after a connection that the server itself closes.',
    ({ closes, rooms: right }) => {
      const own = new WeakSet<Connection>();
      return {
        closes: {
          send(closing, core, connection) {
            own.add(connection);
            return closes.send(closing, core, connection);
          },
        },
        rooms: {
          vacated: (connection) => (own.has(connection) ? [] : right.vacated(connection)),
        },
      };
    },
  ),
  mutant(
    'rooms-closed-has-left',
    'failed-connection-stays-member',
    'Nobody cleans up after a connection that the library fails.',
    ({ logs, rooms: right }) => {
      const failed = new WeakSet<Connection>();
      return {
        logs: {
          disconnect(core, connection, closing) {
            if (closing.code === 1002) failed.add(connection);
            return logs.disconnect(core, connection, closing);
          },
        },
        rooms: {
          vacated: (connection) => (failed.has(connection) ? [] : right.vacated(connection)),
        },
      };
    },
  ),
  mutant(
    'rooms-closed-has-left',
    'innocent-sender-thrown-out',
    'A send to a member that is gone throws, and the sender pays for it.',
    ({ chat, rooms: right }) => {
      const gone = new Map<string, number>();
      return {
        rooms: {
          vacated(connection) {
            const names = [...right.vacated(connection)];
            for (const name of names) gone.set(name, (gone.get(name) ?? 0) + 1);
            return names;
          },
        },
        chat: {
          publish(core, connection, incoming, event) {
            const name = room(incoming.request.room);
            if ((gone.get(name) ?? 0) === 0) return chat.publish(core, connection, incoming, event);
            gone.set(name, 0);
            return [{ do: 'close', closing: { code: 1011, reason: '' } }];
          },
        },
      };
    },
  ),
];

const members: readonly Mutant[] = [
  mutant(
    'rooms-members-acked',
    'members-without-count',
    'The ack of a members request carries no count.',
    replying('members', ({ count: _, ...data }) => data),
  ),
  mutant(
    'rooms-members-complete',
    'founder-forgotten',
    'The first who joined is not listed.',
    inRooms((right) => ({
      snapshot: (present, most) => {
        const { members: listed, count } = right.snapshot(present, most);
        return { members: count > 3 ? listed.slice(1) : listed, count };
      },
    })),
  ),
  mutant(
    'rooms-members-unique',
    'tabs-listed',
    'Every connection is listed, so that a user with two tabs is there twice.',
    inRooms(() => ({
      snapshot: (present) => ({
        members: [...present].flatMap(([user, tabs]) =>
          Array<string>((tabs as Set<string>).size).fill(user),
        ),
        count: present.size,
      }),
    })),
  ),
  mutant('rooms-members-no-ghosts', 'ghosts-listed', 'Who has left stays on the list.', () => {
    const ever = new WeakMap<ReadonlyMap<string, unknown>, Set<string>>();
    return {
      rooms: {
        snapshot(present) {
          const all = ever.get(present) ?? new Set<string>();
          ever.set(present, all);
          for (const user of present.keys()) all.add(user);
          return { members: [...all], count: all.size };
        },
      },
    };
  }),
  ...(
    [
      ['presence-without-case', 'differ only in case', (user: string) => user.toLowerCase()],
      [
        'presence-normalised',
        'are equal in Unicode normalisation form C',
        (user: string) => user.normalize('NFC'),
      ],
    ] as const
  ).map(([name, what, key]) =>
    mutant(
      'rooms-count-users',
      name,
      `Users whose names ${what} are present as one.`,
      inRooms(({ presenceOf }) => ({ presenceOf: (who) => key(presenceOf(who)) })),
    ),
  ),
  mutant(
    'rooms-count-users',
    'connections-counted',
    'The count is that of connections.',
    inRooms((right) => ({
      snapshot: (present, most) => ({
        ...right.snapshot(present, most),
        count: [...present.values()].reduce<number>(
          (sum, tabs) => sum + (tabs as Set<string>).size,
          0,
        ),
      }),
    })),
  ),
];

const presence: readonly Mutant[] = [
  mutant(
    'rooms-presence-join',
    'join-unannounced',
    'Nobody is told who joins.',
    inRooms(() => ({ announcesJoin: () => false })),
  ),
  mutant(
    'rooms-presence-join',
    'join-told-to-one-tab',
    'Of a user with two tabs one is told who joins.',
    inRooms(() => ({
      audience: (_core, { members: all }, { message, except }) => {
        if (message.type !== 'join') return 'members';
        const one = new Map([...all].map((member) => [member.grant.user, member]));
        return [...one.values()].filter((member) => member.grant.user !== except);
      },
    })),
  ),
  mutant(
    'rooms-presence-join-first-only',
    'every-tab-announced',
    'Every connection is announced, also a second tab.',
    inRooms(() => ({ announcesJoin: () => true })),
  ),
  mutant(
    'rooms-presence-leave',
    'leave-unannounced',
    'Nobody is told who leaves.',
    inRooms(() => ({ announcesLeave: () => false })),
  ),
  mutant(
    'rooms-presence-leave',
    'leave-told-to-one-tab',
    'Of a user with two tabs one is told who leaves.',
    inRooms(() => ({
      audience: (_core, { members: all }, { message, except }) => {
        if (message.type !== 'leave') return 'members';
        const one = new Map([...all].map((member) => [member.grant.user, member]));
        return [...one.values()].filter((member) => member.grant.user !== except);
      },
    })),
  ),
  mutant(
    'rooms-presence-leave-last-only',
    'every-tab-leaves',
    'Every connection that goes is announced, also while another is there.',
    inRooms(() => ({ announcesLeave: () => true })),
  ),
  mutant(
    'rooms-presence-leave-last-only',
    'lost-tab-leaves',
    'A lost connection is announced, also while another of the user is there.',
    ({ rooms: right }) => ({
      rooms: {
        announcesLeave: (remaining) => remaining === 0 || closing > 0,
        vacated(connection) {
          closing += 1;
          setImmediate(() => {
            closing -= 1;
          });
          return right.vacated(connection);
        },
      },
    }),
  ),
  mutant(
    'rooms-presence-not-to-oneself',
    'told-of-oneself',
    'Who joins is told of it like everybody else.',
    tampered('join', (effects, core, connection, { request, at }) => {
      const message = core.parts.rooms.joinEvent(room(request.room), connection.grant.user, at);
      return [...effects, { do: 'send', message }];
    }),
  ),
  mutant(
    'rooms-presence-reason-left',
    'leave-called-disconnected',
    'Every departure is called disconnected.',
    inRooms(({ leaveEvent }) => ({
      leaveEvent: (name, user, _reason, at) => leaveEvent(name, user, 'disconnected', at),
    })),
  ),
  mutant(
    'rooms-presence-reason-disconnected',
    'disconnect-called-left',
    'Every departure is called left.',
    inRooms(({ leaveEvent }) => ({
      leaveEvent: (name, user, _reason, at) => leaveEvent(name, user, 'left', at),
    })),
  ),
  ...(['left', 'disconnected'] as const).map((first) =>
    mutant(
      `rooms-presence-reason-${first === 'left' ? 'disconnected' : 'left'}`,
      `reason-of-an-earlier-${first === 'left' ? 'leave' : 'loss'}`,
      `Once a connection of a user has ${first === 'left' ? 'left' : 'been lost'}, each departure of the user is called ${first}.`,
      ({ rooms: right, steps }) => {
        const before = new Set<string>();
        return {
          steps: {
            leave(core, connection, incoming) {
              if (first === 'left') before.add(connection.grant.user);
              return (steps['leave'] as Step)(core, connection, incoming);
            },
          },
          rooms: {
            leaveEvent(name, user, reason, at) {
              if (reason === first) before.add(user);
              return right.leaveEvent(name, user, before.has(user) ? first : reason, at);
            },
          },
        };
      },
    ),
  ),
];

let closing = 0;

// Everybody hears events of one type.
const leaking = (type: string) =>
  inRooms(() => ({
    audience: ({ connections }, _room, { message }) =>
      message.type === type ? connections.values() : 'members',
  }));

type Claim = readonly string[] | null;

/** One rooms claim for all connections of a user, made of the user's first and of the newest. */
const claimOf =
  (choose: (first: Claim, newest: Claim) => Claim): Mutant['parts'] =>
  ({ authentication, rooms: right }) => {
    const claims = new Map<string, { first: Claim; newest: Claim }>();
    return {
      authentication: {
        grant(token) {
          const grant = authentication.grant(token);
          const first = claims.get(grant.user)?.first ?? grant.rooms;
          claims.set(grant.user, { first, newest: grant.rooms });
          return grant;
        },
      },
      rooms: {
        allowed(grant, name) {
          const all = claims.get(grant.user);
          return right.allowed(
            all ? { ...grant, rooms: choose(all.first, all.newest) } : grant,
            name,
          );
        },
      },
    };
  };

const walls: readonly Mutant[] = [
  ...['chat', 'binary', 'typing', 'join', 'leave'].map((type) =>
    mutant(
      'rooms-no-leak-to-strangers',
      `${type}-sent-to-all`,
      `A ${type} goes to every connection, and clients are trusted to filter.`,
      leaking(type),
    ),
  ),
  mutant(
    'rooms-names-case-sensitive',
    'rooms-folded',
    'Room names are compared without case.',
    inRooms(() => ({ name: (name) => name.toLowerCase() })),
  ),
  mutant(
    'rooms-names-any-legal',
    'room-names-cut-at-colon',
    'What follows a colon is taken for a part of the channel, not of the name.',
    inRooms(() => ({ name: (name) => name.split(':')[0] ?? '' })),
  ),
  mutant(
    'rooms-names-any-legal',
    'room-names-cut-at-120',
    'Of a room name the first 120 characters count.',
    inRooms(() => ({ name: (name) => name.slice(0, 120) })),
  ),
  ...(
    [
      ['room-names-without-dots', 'A room name with a dot is refused.', /\./],
      ['room-names-too-short', 'A room name may have 64 characters at most.', /.{65}/],
    ] as const
  ).map(([name, fault, refused]) =>
    mutant('rooms-names-any-legal', name, fault, ({ messages }) => ({
      messages: {
        payload: (request, core) =>
          refused.test(room(request.room))
            ? { path: '/room', message: 'is no name' }
            : messages.payload(request, core),
      },
    })),
  ),
  ...(['chat', 'typing', 'members'] as const).map((type) =>
    mutant(
      `rooms-${type}-needs-membership`,
      `${type}-without-membership`,
      `A ${type} is carried out for whoever asks.`,
      ungated('membership', type),
    ),
  ),
  mutant(
    'rooms-claim-allows',
    'claim-means-none',
    'Whoever has a rooms claim may join none.',
    inRooms(() => ({ allowed: ({ rooms: claim }) => claim === null })),
  ),
  mutant(
    'rooms-claim-allows',
    'claim-first-room-only',
    'Of the rooms in the claim only the first may be joined.',
    inRooms(() => ({ allowed: ({ rooms: claim }, name) => claim === null || claim[0] === name })),
  ),
  mutant(
    'rooms-claim-allows',
    'claim-of-newest-token',
    "The rooms claim of the newest token rules all of the user's connections.",
    claimOf((_, newest) => newest),
  ),
  mutant(
    'rooms-claim-forbids',
    'claim-of-first-token',
    "The rooms claim of the first token rules all of the user's connections.",
    claimOf((first) => first),
  ),
  mutant(
    'rooms-claim-forbids',
    'claims-of-all-tokens',
    "A room that one of the tokens lists is open to all of the user's connections.",
    claimOf((first, newest) => (first && newest ? [...new Set([...first, ...newest])] : null)),
  ),
  mutant(
    'rooms-claim-forbids',
    'claim-not-read',
    'The rooms claim is not looked at.',
    inRooms(() => ({ allowed: () => true })),
  ),
  mutant(
    'rooms-claim-forbids',
    'empty-claim-allows-all',
    'An empty rooms claim allows all rooms, as an absent one does.',
    inRooms((right) => ({
      allowed: (grant, name) => grant.rooms?.length === 0 || right.allowed(grant, name),
    })),
  ),
  mutant(
    'rooms-claim-forbids',
    'claim-read-as-namespace',
    'With a room, those may be joined whose names go on after a colon.',
    inRooms((right) => ({
      allowed: (grant, name) =>
        right.allowed(grant, name) ||
        (grant.rooms?.some((allowed) => name.startsWith(`${allowed}:`)) ?? false),
    })),
  ),
  mutant(
    'rooms-claim-forbids',
    'claim-without-case',
    'The rooms claim is compared without regard to case.',
    inRooms(() => ({
      allowed: ({ rooms: claim }, name) =>
        claim === null || claim.some((allowed) => allowed.toLowerCase() === name.toLowerCase()),
    })),
  ),
  mutant(
    'rooms-claim-forbids',
    'claim-read-as-prefix',
    'A room whose name begins with an allowed one may be joined.',
    inRooms(() => ({
      allowed: ({ rooms: claim }, name) =>
        claim === null || claim.some((allowed) => name.startsWith(allowed)),
    })),
  ),
  ...(
    [
      ['permission', 'added-before-checked', 'The member is added first, and then refused.'],
      ['room', 'added-before-counted', 'The member is added before its rooms are counted.'],
    ] as const
  ).map(([gate, name, fault]) =>
    mutant('rooms-forbidden-without-trace', name, fault, ({ gates }) => ({
      gates: {
        [gate](core: Core, connection: Connection, incoming: Incoming) {
          const refusal = gates[gate](core, connection, incoming);
          const { request, at } = incoming;
          if (refusal !== null && request.type === 'join') {
            const who = { user: connection.grant.user, connection: connection.id };
            void core.broker.join(room(request.room), who, null, at);
          }
          return refusal;
        },
      },
    })),
  ),
];

/** Faults of the chapter `rooms`. */
export const rooms: readonly Mutant[] = [
  ...joining,
  ...leaving,
  ...members,
  ...presence,
  ...walls,
  ...crowds,
];
