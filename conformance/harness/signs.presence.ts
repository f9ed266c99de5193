import {
  type Client,
  type Course,
  heardSince,
  isRemoval,
  type Stay,
  staysIn,
  userOf,
} from './course.js';
import { describe, type Received } from './message.js';
import type { Sign } from './signs.js';

/** Signs in the `join` and `leave` events that came, and in those that did not. */
export function* presence(course: Course): Iterable<Sign> {
  for (const client of course.clients) yield* came(course, client);
  for (const stay of course.stays) yield* missed(course, stay);
}

function* came(course: Course, client: Client): Iterable<Sign> {
  const present = new Set<string>();
  for (const received of client.log) {
    const { type, room, data, ref } = received.message;
    const key = (user: unknown) => JSON.stringify([room, user]);
    if (type === 'ack' && Array.isArray(data.members))
      for (const user of data.members) present.add(key(user));
    if ((type !== 'join' && type !== 'leave') || ref !== undefined) continue;
    const told = `${client.label} received ${describe(received.message)}`;
    if (data.user === userOf(client)) {
      if (!isRemoval(data.reason))
        yield { rule: 'rooms-presence-not-to-oneself', told: `${told} that names itself` };
    } else if (type === 'join') {
      if (present.has(key(data.user))) yield again(course, received, told);
      present.add(key(data.user));
    } else {
      present.delete(key(data.user));
      yield* left(course, received, told);
    }
  }
}

function again({ exchanges }: Course, { message: { room, data } }: Received, told: string): Sign {
  const asked = exchanges.filter(({ said }) => said.type === 'join' && said.room === room);
  const twice = asked.some(
    ({ client }, index) =>
      userOf(client) === data.user && asked.slice(index + 1).some((each) => each.client === client),
  );
  return {
    rule: twice ? 'rooms-rejoin-silent' : 'rooms-presence-join-first-only',
    told: `${told} of a user who was there already`,
  };
}

function* left(course: Course, { message, at }: Received, told: string): Iterable<Sign> {
  const { user, reason } = message.data;
  const stays = staysIn(course, message.room, user);
  if (isRemoval(reason)) return;
  if (stays.some(({ from, until, client }) => from < at && at < until && heardSince(client, at)))
    yield {
      rule: 'rooms-presence-leave-last-only',
      told: `${told} of a user who is there on another connection`,
    };
  const ends = new Set(stays.map(({ ended }) => ended));
  if (ends.size !== 1) return;
  if (ends.has('left') && reason !== 'left')
    yield {
      rule: 'rooms-presence-reason-left',
      told: `${told} with the reason ${JSON.stringify(reason)}`,
    };
  if (ends.has('closed') && reason === 'left')
    yield { rule: 'rooms-presence-reason-disconnected', told: `${told} with the reason left` };
}

// What a member that stays has not been told of the others.
function* missed(course: Course, stay: Stay): Iterable<Sign> {
  const { client, room, ack, from, until } = stay;
  if (until !== Number.POSITIVE_INFINITY) return;
  const told = (type: string, user: string) =>
    client.log.filter(
      ({ message: { type: of, room: there, data } }) =>
        of === type && there === room && data.user === user,
    );
  const others = course.stays.filter((each) => each.room === room && each.user !== stay.user);
  for (const user of new Set(others.map((each) => each.user))) {
    const stays = others.filter((each) => each.user === user);
    const [first] = stays;
    if (!first) continue;
    const name = first.client.label;
    const listed = Array.isArray(ack.data.members) && ack.data.members.includes(user);
    if (
      !listed &&
      first.from > from &&
      told('join', user).length === 0 &&
      heardSince(client, first.from)
    )
      yield { rule: 'rooms-presence-join', told: `${client.label} was not told that ${name} came` };
    const last = Math.max(...stays.map((each) => each.until));
    const end = stays.find((each) => each.until === last);
    if (last === Number.POSITIVE_INFINITY || last < from) continue;
    if (told('leave', user).some(({ at }) => at > first.from) || !heardSince(client, last))
      continue;
    const rules = ['rooms-presence-leave'] as const;
    for (const rule of end?.ended === 'closed'
      ? [...rules, 'rooms-closed-has-left' as const]
      : rules)
      yield { rule, told: `${client.label} was not told that ${name} is gone` };
  }
}
