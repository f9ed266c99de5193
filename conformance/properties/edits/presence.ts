import type { Judgement } from '../judge/judge.js';
import {
  all,
  lists,
  NEVER,
  onlyStay,
  personals,
  presences,
  steady,
  surelyOwed,
} from './choices.js';
import {
  change,
  data,
  double,
  type Edit,
  edited,
  entryOf,
  overhear,
  pick,
  remove,
} from './edit.js';

const listReplies = (judgement: Judgement) =>
  lists(judgement).flatMap(({ reply }) => (reply ? [reply] : []));

const requestOf = (judgement: Judgement, n: number) =>
  lists(judgement).find(({ reply }) => reply?.n === n);

/** Illegal edits of who is said to be where, and of connections. */
export const presence: Record<string, Edit> = {
  'list a ghost': change(
    listReplies,
    (reply, judgement, random) => {
      const request = requestOf(judgement, reply.n);
      const { rooms, facts } = judgement;
      const absent = facts.users.filter(
        (user) =>
          user !== reply.connection.user &&
          !rooms.maybeIn(user, reply.message.room ?? '', request?.n ?? 0, reply.n),
      );
      const ghost = pick(absent, random);
      const members = reply.message.data.members ?? [];
      if (ghost === undefined) return undefined;
      return data(reply, { members: [...members, ghost], count: members.length + 1 });
    },
    ['rooms-members-no-ghosts', 'rooms-closed-has-left', 'rooms-forbidden-without-trace'],
  ),
  'leave a member off the list': change(
    listReplies,
    (reply, judgement, random) => {
      const request = requestOf(judgement, reply.n);
      const { rooms, facts } = judgement;
      const members = reply.message.data.members ?? [];
      const present = facts.users.filter(
        (user) =>
          members.includes(user) &&
          (user === reply.connection.user
            ? request?.message.type === 'join'
            : rooms.surelyIn(user, reply.message.room ?? '', request?.n ?? 0, reply.n)),
      );
      const missing = pick(present, random);
      if (missing === undefined) return undefined;
      return data(reply, {
        members: members.filter((each) => each !== missing),
        count: members.length - 1,
      });
    },
    ['rooms-members-complete', 'rooms-join-includes-oneself', 'rooms-presence-join'],
  ),
  'list a member twice': change(
    listReplies,
    (reply) => {
      const members = reply.message.data.members ?? [];
      return data(reply, { members: [...members, members[0] ?? ''], count: members.length });
    },
    ['rooms-members-unique', 'rooms-count-users'],
  ),
  'miscount the members': change(
    listReplies,
    (reply) => data(reply, { count: (reply.message.data.count ?? 0) + 1 }),
    ['rooms-count-users'],
  ),
  'change an epoch': change(
    ({ rooms }) =>
      rooms.stays.flatMap(({ join, joined, room }) => {
        const shared = rooms.stays.some(
          (each) => each.room === room && each.joined < join.n && each.leaving > joined,
        );
        return join.reply && joined !== NEVER && shared ? [join.reply] : [];
      }),
    (reply) => data(reply, { epoch: 'another' }),
    ['rooms-epoch-shared'],
  ),
  'begin a fresh room above 0': change(
    ({ rooms, facts }) =>
      rooms.stays.flatMap(({ join, joined, room, base }) => {
        const written = facts.requests.some(
          ({ message, n }) =>
            message.room === room && n < joined && ['chat', 'binary'].includes(message.type),
        );
        return join.reply && base === 0 && !written ? [join.reply] : [];
      }),
    (reply) => data(reply, { seq: 3 }),
    ['rooms-fresh-seq-zero'],
  ),
  'lose a join event': remove(
    (judgement) => presences(judgement, 'join').filter((each) => surelyOwed(judgement, each)),
    ['rooms-presence-join'],
  ),
  'lose a leave event': remove(
    (judgement) => presences(judgement, 'leave').filter((each) => surelyOwed(judgement, each)),
    ['rooms-presence-leave'],
  ),
  'double a join event': double(
    (judgement) => presences(judgement, 'join').filter((each) => onlyStay(judgement, each)),
    ['rooms-presence-join', 'rooms-rejoin-silent'],
  ),
  'double a leave event': double(
    (judgement) => presences(judgement, 'leave').filter((each) => onlyStay(judgement, each)),
    ['rooms-presence-leave'],
  ),
  'tell a user of itself': change(
    (judgement) => presences(judgement, 'join'),
    ({ connection }) => ({ data: { user: connection.user } }),
    ['rooms-presence-not-to-oneself'],
  ),
  'change the reason of a leave': change(
    (judgement) =>
      presences(judgement, 'leave').filter((each) => onlyStay(judgement, each)?.causes.size === 1),
    (event) =>
      data(event, { reason: event.message.data.reason === 'left' ? 'disconnected' : 'left' }),
    ['rooms-presence-reason-left', 'rooms-presence-reason-disconnected'],
  ),
  'lose a direct': remove(
    (judgement) => personals(judgement, 'direct'),
    ['direct-delivered-to-each-connection', 'direct-to-oneself-delivered'],
  ),
  'lose a broadcast': remove(
    (judgement) => personals(judgement, 'broadcast'),
    ['broadcast-delivered-to-everyone-once'],
  ),
  'double a direct': double(
    (judgement) => personals(judgement, 'direct'),
    ['direct-delivered-to-each-connection'],
  ),
  'deliver a direct to another user': overhear(
    (judgement) => personals(judgement, 'direct'),
    ({ connection, n }, judgement) =>
      steady(judgement, n)
        .filter((each) => each.user !== connection.user)
        .map((each) => each.number),
    ['direct-reaches-nobody-else'],
  ),
  'type for another': change(
    (judgement) => all(judgement, 'typing'),
    (event) => data(event, { user: 'mallory' }),
    ['typing-user-stamped'],
  ),
  'type to oneself': change(
    (judgement) => all(judgement, 'typing'),
    (event) => ({ from: event.connection.user, ...data(event, { user: event.connection.user }) }),
    ['typing-not-to-oneself'],
  ),
  'welcome twice': double(
    ({ facts }) => facts.connections.flatMap((each) => each.received.slice(0, 1)),
    ['handshake-welcome-once'],
  ),
  'close without cause': (judgement, random) => {
    const connection = pick(steady(judgement, NEVER), random);
    const last = connection?.received.at(-1);
    if (!connection || !last) return undefined;
    const entry = entryOf(judgement, last.n);
    const closed = {
      kind: 'closed',
      connection: connection.number,
      at: entry.at,
      code: 1011,
      reason: '',
    } as const;
    return {
      trace: edited(judgement, [[last.n, [entry, closed]]]),
      rules: ['messages-one-reply', 'errors-connection-kept', 'heartbeat-answering-peer-kept'],
    };
  },
};
