import type { Connection, Received, Request } from '../judge/facts.js';
import type { Judgement } from '../judge/judge.js';
import type { Stay } from '../judge/stays.js';

/** A moment that never comes. */
export const NEVER = Number.POSITIVE_INFINITY;

/** A copy of a sequenced event at a member whose stay lasts to the end, so that nothing about it is in doubt. */
export interface StableCopy extends Received {
  stay: Stay;
  requests: Request[];
  /** Whether others received the event too. */
  shared: boolean;
}

/** Stable copies of events of a type. */
export function copies({ events, rooms }: Judgement, type = 'chat'): StableCopy[] {
  return events.all
    .filter((each) => each.type === type && each.room !== undefined)
    .flatMap((event) =>
      event.copies.flatMap((copy) => {
        const stay = rooms.at(copy.connection, event.room ?? '', copy.n);
        const live = copy.message.data.replay !== true;
        const catching = stay?.rejoins.some((each) => each.message.data['since'] !== undefined);
        if (!stay || !live || catching || stay.leaving !== NEVER || stay.joined === NEVER)
          return [];
        return [{ ...copy, stay, requests: event.requests, shared: event.copies.length > 1 }];
      }),
    );
}

/** Requests with an id that were answered. */
export function answered({ facts }: Judgement): Request[] {
  return facts.requests.filter((each) => each.reply && each.message.id !== undefined);
}

/** Replies to the answered requests that are so and so. */
export function repliesTo(
  test: (request: Request, judgement: Judgement) => boolean,
): (judgement: Judgement) => Received[] {
  return (judgement) =>
    answered(judgement).flatMap((each) =>
      each.reply && test(each, judgement) ? [each.reply] : [],
    );
}

/** Whether a request ended in an ack that is no repetition. */
export function executed({ reply }: Request): boolean {
  return reply?.message.type === 'ack' && reply.message.data.duplicate !== true;
}

/** Whether an id was used for one request. */
export function once({ facts }: Judgement, request: Request): boolean {
  return facts.requests.filter((each) => each.message.id === request.message.id).length === 1;
}

/** Connections that were welcomed before a moment and stay to the end. */
export function steady({ facts }: Judgement, by: number): Connection[] {
  return facts.connections.filter((each) => each.welcomed < by && each.over === NEVER);
}

/** Whether a connection had not asked to join a room by some moment. */
export function stranger(connection: Connection, room: string, by: number): boolean {
  return connection.requests.every(
    ({ message, n }) => message.type !== 'join' || message.room !== room || n > by,
  );
}

/** Everything of a type that was received. */
export function all({ facts }: Judgement, type: string): Received[] {
  return facts.connections.flatMap((each) =>
    each.received.filter(({ message }) => message.type === type),
  );
}

/** Events of presence at members who stay to the end. */
export function presences(judgement: Judgement, type: 'join' | 'leave'): Received[] {
  return all(judgement, type).filter(
    ({ connection, message, n }) =>
      judgement.rooms.at(connection, message.room ?? '', n)?.leaving === NEVER,
  );
}

/** The one stay of the user of a presence event in that room; undefined when there are several. */
export function onlyStay({ rooms }: Judgement, { message }: Received): Stay | undefined {
  const stays = rooms.of(message.data.user ?? '', message.room ?? '');
  return stays.length === 1 ? stays[0] : undefined;
}

/** Whether a presence event is surely owed: its user has one stay, which began or ended within the listener's. */
export function surelyOwed(judgement: Judgement, received: Received): boolean {
  const { message, connection, n } = received;
  const stay = onlyStay(judgement, received);
  const listener = judgement.rooms.at(connection, message.room ?? '', n);
  if (!stay || !listener) return false;
  const [begun, over] =
    message.type === 'join' ? [stay.join.n, stay.joined] : [stay.leaving, stay.left];
  return over !== NEVER && listener.joined < begun;
}

/** Requests that were answered with a whole list of members. */
export function lists(judgement: Judgement): Request[] {
  return judgement.facts.requests.filter(
    ({ message, reply, faulty }) =>
      !faulty &&
      (message.type === 'join' || message.type === 'members') &&
      Array.isArray(reply?.message.data.members),
  );
}

/** Copies of acknowledged personal messages at connections that were open all the time. */
export function personals({ events }: Judgement, type: 'direct' | 'broadcast'): Received[] {
  return events.all
    .filter((each) => each.type === type && each.requests.some(executed))
    .flatMap(({ copies: received, requests }) =>
      received.filter(
        ({ connection }) =>
          connection.over === NEVER &&
          connection.welcomed < Math.min(...requests.map((one) => one.n)),
      ),
    );
}
