import type { Connection, Core, Incoming, Outgoing } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';
import { inChat, inRooms } from './tampering.js';

// The text changed on its way.
const rewriting = (change: (text: string) => string) =>
  inChat((right) => ({
    relayed: (request) => {
      const data = right.relayed(request);
      return { ...data, text: change(String(data['text'])) };
    },
  }));

const texts: readonly [name: string, fault: string, change: (text: string) => string][] = [
  ['text-trimmed', 'Text is trimmed.', (text) => text.trim()],
  [
    'text-normalised',
    'Text is normalised to composed characters.',
    (text) => text.normalize('NFC'),
  ],
  ['text-escaped', 'Text is escaped for HTML.', (text) => text.replaceAll('<', '&lt;')],
  ['text-stripped', 'Tags are taken out of text.', (text) => text.replace(/<[^>]*>/g, '')],
  ['text-line-ends', 'Line ends become \\n.', (text) => text.replaceAll('\r\n', '\n')],
  [
    'text-basic-plane',
    'What lies beyond the basic plane becomes ?.',
    (text) => text.replace(/[\u{10000}-\u{10ffff}]/gu, '?'),
  ],
  [
    'text-joiners',
    'Characters without a shape are taken out.',
    (text) => text.replace(/\p{Cf}/gu, ''),
  ],
  ['text-number', 'A number is printed anew.', (text) => (Number(text) ? `${Number(text)}` : text)],
  ['text-byte-order-mark', 'A leading U+FEFF is dropped.', (text) => text.replace(/^\ufeff/, '')],
  [
    'text-noncharacters',
    'Noncharacters become U+FFFD.',
    (text) => text.replace(/\p{Noncharacter_Code_Point}/gu, '\ufffd'),
  ],
];

const chats = (audience: (members: Connection[], core: Core) => Iterable<Connection>) =>
  inRooms(() => ({
    audience: (core, { members }, { message }) =>
      message.type === 'chat' ? audience([...members], core) : 'members',
  }));

// Each member is sent a copy of its own.
const copies = (change: (message: Outgoing, member: Connection, core: Core) => Outgoing) =>
  inRooms(() => ({
    audience: (core, { members }, { message }) => {
      if (message.type !== 'chat') return 'members';
      for (const member of members)
        member.link.send(
          core.parts.messages.encode(core, change(message, member, core), undefined),
        );
      return [];
    },
  }));

// A chat whose request has no id goes to some of the members.
const unnumbered =
  (audience: (members: Connection[], from: Connection) => Connection[]): Mutant['parts'] =>
  ({ chat: right }) => {
    const senders = new WeakMap<object, Connection>();
    return {
      chat: {
        publish(core, connection, incoming, event) {
          if (incoming.request.id === undefined) senders.set(event, connection);
          return right.publish(core, connection, incoming, event);
        },
      },
      rooms: {
        audience(_core, { members }, { message }) {
          const from = senders.get(message);
          return from ? new Set(audience([...members], from)) : 'members';
        },
      },
    };
  };

// Some texts are refused as an empty one is.
const takenForEmpty =
  (isEmpty: (text: unknown) => boolean): Mutant['parts'] =>
  ({ messages }) => ({
    messages: {
      payload: (request, core) =>
        request.type === 'chat' && isEmpty(request.data['text'])
          ? { path: '/data/text', message: 'must not be empty' }
          : messages.payload(request, core),
    },
  });

let late = 0;

/** Faults of the chapter `chat`. */
export const chat: readonly Mutant[] = [
  mutant(
    'chat-acked',
    'ack-says-nothing',
    'The ack of a chat carries neither id nor seq.',
    inChat(() => ({ ack: () => ({}) })),
  ),
  mutant(
    'chat-acked',
    'zero-text-refused',
    'A text of 0 is taken for an empty one.',
    takenForEmpty((text) => text === '0'),
  ),
  mutant(
    'chat-acked',
    'blank-text-refused',
    'A text of nothing but spaces is taken for an empty one.',
    takenForEmpty((text) => String(text).trim() === ''),
  ),
  mutant(
    'chat-delivered-to-members',
    'newest-tab-only',
    'Of a user with several connections only the newest is sent to.',
    chats((members) => new Map(members.map((each) => [each.grant.user, each])).values()),
  ),
  mutant(
    'chat-delivered-to-members',
    'without-id-not-to-own-tabs',
    "A chat without an id does not reach the sender's other connections.",
    unnumbered((members, from) =>
      members.filter((each) => each === from || each.grant.user !== from.grant.user),
    ),
  ),
  mutant(
    'chat-delivered-to-members',
    'without-id-to-first-tabs',
    'A chat without an id reaches the first connection of each other user.',
    unnumbered((members, from) => [
      ...new Map(members.toReversed().map((each) => [each.grant.user, each])).values(),
      ...members.filter((each) => each.grant.user === from.grant.user),
    ]),
  ),
  mutant(
    'chat-delivered-to-members',
    'dead-member-ends-delivery',
    'Who comes after a member that is gone is not sent to.',
    ({ rooms: right }) => {
      const after = new Map<string, Connection[]>();
      return {
        rooms: {
          vacated(connection) {
            const names = [...right.vacated(connection)];
            for (const [name, members] of after)
              if (names.includes(name))
                after.set(name, members.slice(0, members.indexOf(connection)));
            return names;
          },
          audience(_core, { name, members }, { message }) {
            if (message.type !== 'chat') return 'members';
            const heard = after.get(name) ?? [...members];
            after.set(name, heard);
            return heard.filter((each) => members.has(each));
          },
          welcomeIn(reply, past, enter) {
            if (enter.do === 'enter') after.delete(enter.room);
            return right.welcomeIn(reply, past, enter);
          },
        },
      };
    },
  ),
  mutant(
    'chat-echoed-to-sender',
    'sent-to-others-only',
    'A chat is sent to the others.',
    inRooms(() => ({
      audience: (_core, { members }, { message }) =>
        message.type === 'chat'
          ? [...members].filter(({ grant }) => grant.user !== message.from)
          : 'members',
    })),
  ),
  mutant(
    'chat-delivered-once',
    'delivered-here-and-by-broker',
    "The broker's copy comes on top of the direct delivery.",
    chats((members) => [...members, ...members]),
  ),
  mutant(
    'chat-delivered-once',
    'subscribed-per-tab',
    'Each tab subscribes for its user: a user with two gets everything twice.',
    chats((members) =>
      members.flatMap((each) => members.filter(({ grant }) => grant.user === each.grant.user)),
    ),
  ),
  mutant(
    'chat-delivered-without-id',
    'without-id-dropped',
    'A chat without an id is dropped.',
    inChat((right) => ({
      publish: (core, connection, incoming, event) =>
        incoming.request.id === undefined ? [] : right.publish(core, connection, incoming, event),
    })),
  ),
  mutant(
    'chat-copies-identical',
    'stamped-per-copy',
    'Each copy is stamped when it is sent.',
    copies((message) => {
      late = (late + 1) % 1_000;
      const timestamp = new Date(Date.now() + late).toISOString();
      return { ...message, timestamp };
    }),
  ),
  mutant(
    'chat-copies-identical',
    'id-per-recipient',
    'Each copy has an id of its own.',
    copies((message, _member, core) => ({ ...message, id: core.newId() })),
  ),
  mutant(
    'chat-ack-matches-event',
    'ack-with-its-own-id',
    'The ack carries an id that no event has.',
    inChat((right) => ({
      ack: (event, seq) => ({ ...right.ack(event, seq), id: `${event.id}-ack` }),
    })),
  ),
  mutant(
    'chat-ack-matches-event',
    'ack-one-ahead',
    'The ack carries the seq of the next event.',
    inChat((right) => ({ ack: (event, seq) => right.ack(event, seq + 1) })),
  ),
  ...(
    [
      ['trimmed', (user) => user.trim()],
      ['composed', (user) => user.normalize('NFC')],
      ['escaped', (user) => user.replace('<', '&lt;')],
    ] as [string, (user: string) => string][]
  ).map(([what, change]) =>
    mutant(
      'chat-from-verified',
      `from-${what}`,
      `The name of the sender is ${what}.`,
      inChat((right) => ({
        event(core, connection, incoming, data) {
          const event = right.event(core, connection, incoming, data);
          return { ...event, from: change(event.from ?? '') };
        },
      })),
    ),
  ),
  mutant(
    'chat-from-verified',
    'from-as-claimed',
    'Who a message is from is what its sender says.',
    inChat((right) => ({
      event: (core, connection, incoming, data) => {
        const claimed = (incoming.value as Record<string, unknown>)['from'];
        const event = right.event(core, connection, incoming, data);
        return typeof claimed === 'string' ? { ...event, from: claimed } : event;
      },
    })),
  ),
  mutant(
    'chat-from-verified',
    'from-is-connection',
    'A message is from a connection, not from its user.',
    inChat((right) => ({
      event: (core, connection, incoming, data) => ({
        ...right.event(core, connection, incoming, data),
        from: connection.id,
      }),
    })),
  ),
  ...texts.map(([name, fault, change]) =>
    mutant('chat-text-exact', name, fault, rewriting(change)),
  ),
  mutant(
    'chat-ids-unique',
    'request-id-reused',
    "An event has its request's id.",
    inChat((right) => ({
      event: (core, connection, incoming, data) => ({
        ...right.event(core, connection, incoming, data),
        id: incoming.request.id ?? core.newId(),
      }),
    })),
  ),
  mutant(
    'chat-ids-unique',
    'id-counted-per-room',
    'Ids are counted in each room.',
    ({ messages }) => ({
      messages: {
        write: (message) =>
          messages.write(message.seq ? { ...message, id: `e-${message.seq}` } : message),
      },
      chat: { ack: (_event, seq) => ({ id: `e-${seq}`, seq }) },
    }),
  ),
  mutant(
    'chat-ids-unique',
    'id-is-the-time',
    'The id of an event is its time in milliseconds.',
    inChat((right) => ({
      event: (core, connection, incoming, data) => ({
        ...right.event(core, connection, incoming, data),
        id: String(Math.floor(incoming.at.wall)),
      }),
    })),
  ),
  ...(['payload', 'membership'] as const).map((gate) =>
    mutant(
      'chat-seq-increments',
      `number-before-${gate}`,
      `The number is taken before the ${gate} is looked at.`,
      ({ gates, chat: right }) => {
        let wasted = 0;
        return {
          gates: {
            [gate]: (core: Core, connection: Connection, incoming: Incoming) => {
              const refusal = gates[gate](core, connection, incoming);
              if (refusal && incoming.request.type === 'chat') wasted += 1;
              return refusal;
            },
          },
          chat: {
            nextSeq(present) {
              const skipped = wasted;
              wasted = 0;
              return right.nextSeq(present) + skipped;
            },
          },
        };
      },
    ),
  ),
  mutant(
    'chat-seq-increments',
    'joins-take-numbers',
    'Who joins takes a number.',
    ({ steps, chat: right }) => {
      let joined = 0;
      return {
        steps: {
          join(core, connection, incoming) {
            joined += 1;
            return steps['join']?.(core, connection, incoming) ?? [];
          },
        },
        chat: {
          nextSeq(present) {
            const taken = present === 0 ? 0 : joined;
            joined = 0;
            return right.nextSeq(present) + taken;
          },
        },
      };
    },
  ),
  mutant(
    'chat-seq-increments',
    'seq-by-two',
    'Numbers grow by two.',
    inChat(() => ({ nextSeq: (present) => present + 2 })),
  ),
  mutant('chat-seq-increments', 'seq-for-all-rooms', 'Numbers are counted over all rooms.', () => {
    let all = 0;
    return {
      chat: {
        nextSeq: () => {
          all += 1;
          return all;
        },
      },
    };
  }),
  mutant(
    'chat-order-shared',
    'member-by-member-later',
    'Each member is sent to by a task of its own.',
    inRooms(() => ({
      audience: (core, { members }, { message }) => {
        if (message.type !== 'chat') return 'members';
        const frame = core.parts.messages.encode(core, message, undefined);
        for (const member of members) setTimeout(() => member.link.send(frame), 20 * Math.random());
        return [];
      },
    })),
  ),
  mutant(
    'chat-sender-order',
    'task-per-message',
    'Each message is a task that takes longer for a long text.',
    inChat((right) => ({
      publish(core, connection, incoming, event) {
        const ms = String(event.data['text']).length / 50;
        setTimeout(() => {
          const effects = right.publish(core, connection, incoming, event);
          if (effects instanceof Promise) return;
          for (const effect of effects)
            if (effect.do === 'send')
              connection.link.send(core.parts.messages.encode(core, effect.message, undefined));
        }, ms);
        return [];
      },
    })),
  ),
];
