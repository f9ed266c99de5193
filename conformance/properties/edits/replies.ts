import type { Data } from '#conformance/harness/message.js';
import { type JudgedRule, judged } from '../judged.js';
import { answered, executed, NEVER, once, repliesTo, steady } from './choices.js';
import {
  change,
  data,
  double,
  type Edit,
  edited,
  elsewhere,
  exchange,
  pick,
  remove,
} from './edit.js';

const error = (code: string): { type: string; data: Data } => ({
  type: 'error',
  data: { code, message: 'no', retryable: code === 'rate_limited' },
});

/** Illegal edits of what requests are answered. */
export const replies: Record<string, Edit> = {
  'lose a reply': remove(
    repliesTo(({ connection }) => connection.over === NEVER),
    ['messages-one-reply', 'messages-repeated-id-answered', 'resume-duplicate-same-ack'],
  ),
  'double a reply': double(
    repliesTo((request, judgement) => once(judgement, request)),
    ['messages-one-reply'],
  ),
  'send a reply to another': (judgement, random) => {
    const found = pick(answered(judgement), random);
    const { reply } = found ?? {};
    if (!found || !reply) return undefined;
    const others = steady(judgement, reply.n).filter(
      (each) =>
        each !== found.connection &&
        each.requests.every(({ message }) => message.id !== found.message.id),
    );
    const other = pick(others, random);
    return (
      other && {
        trace: edited(judgement, [[reply.n, [elsewhere(judgement, reply.n, other.number)]]]),
        rules: ['messages-replies-to-requester-only'],
      }
    );
  },
  'swap two replies': exchange(
    (judgement, random) => {
      const all = answered(judgement);
      const found = pick(all, random);
      const next = all.find(
        ({ connection, n, message }) =>
          connection === found?.connection &&
          n > found.n &&
          n < (found.reply?.n ?? 0) &&
          message.id !== found.message.id,
      );
      return found?.reply && next?.reply && [found.reply.n, next.reply.n];
    },
    ['messages-reply-order'],
  ),
  'answer with the ref of nobody': change(
    repliesTo(() => true),
    () => ({ ref: 'nobody' }),
    ['messages-one-reply'],
  ),
  'take the room off a reply': change(
    repliesTo(
      ({ message, faulty, reply }) =>
        !faulty && message.room !== undefined && reply?.message.room !== undefined,
    ),
    () => ({ room: undefined }),
    ['messages-room-on-replies'],
  ),
  'refuse a member': change(
    repliesTo(
      (request, judgement) =>
        ['chat', 'members', 'typing'].includes(request.message.type) &&
        judgement.rooms.state(request) === 'in' &&
        executed(request) &&
        once(judgement, request),
    ),
    () => error('not_in_room'),
    ['chat-acked', 'rooms-members-acked', 'typing-acked', 'errors-nobody-else'],
  ),
  'accept a stranger': change(
    repliesTo(
      (request, judgement) =>
        request.reply?.message.data.code === 'not_in_room' &&
        judgement.rooms.state(request) === 'out' &&
        once(judgement, request),
    ),
    () => ({ type: 'ack', data: {} }),
    [
      'rooms-chat-needs-membership',
      'rooms-members-needs-membership',
      'rooms-typing-needs-membership',
      'binary-non-member-refused',
    ],
  ),
  'refuse a join': change(
    repliesTo(({ message, reply }) => message.type === 'join' && reply?.message.type === 'ack'),
    () => error('forbidden'),
    ['rooms-join-acked', 'rooms-join-idempotent'],
  ),
  'accept what is malformed': change(
    repliesTo(({ faulty }) => faulty !== undefined && !faulty.codes.includes('ack')),
    () => ({ type: 'ack', data: {} }),
    (Object.keys(judged) as JudgedRule[]).filter((rule) =>
      /^(errors|limits|typing|messages-json|resume-since|direct-recipient)/.test(rule),
    ),
  ),
  'limit without cause': change(
    repliesTo(
      ({ message, faulty }) => !faulty && ['join', 'leave', 'members'].includes(message.type),
    ),
    () => error('rate_limited'),
    ['rates-burst-admitted', 'rates-window-frees'],
  ),
  'change what a pong returns': change(
    ({ facts }) =>
      facts.requests.flatMap(({ reply }) => (reply?.message.type === 'pong' ? [reply] : [])),
    () => ({ data: { other: 1 } }),
    ['messages-pong-data-equal'],
  ),
  'tell another id in the ack': change(
    repliesTo(
      (request, judgement) =>
        request.message.type === 'chat' &&
        executed(request) &&
        once(judgement, request) &&
        (judgement.events.of(request)?.copies.length ?? 0) > 0,
    ),
    (reply) => data(reply, { id: 'another' }),
    ['chat-ack-matches-event'],
  ),
  'forget that a request was repeated': change(
    repliesTo(
      (request, { facts }) =>
        request.reply?.message.data.duplicate === true &&
        facts.requests.some(
          (each) => each !== request && each.message.id === request.message.id && executed(each),
        ),
    ),
    ({ message }) => {
      const { duplicate: _, ...rest } = message.data;
      return { data: rest };
    },
    ['resume-duplicate-same-ack'],
  ),
  'call a first request a repetition': change(
    repliesTo(
      (request, judgement) =>
        request.message.type === 'chat' && executed(request) && once(judgement, request),
    ),
    (reply) => data(reply, { duplicate: true }),
    ['resume-duplicate-same-ack'],
  ),
  'recover nothing': change(
    ({ facts }) =>
      facts.requests.flatMap(({ reply }) =>
        reply?.message.data.recovered === true && reply.message.data.replayed === 0 ? [reply] : [],
      ),
    (reply) => data(reply, { recovered: false }),
    ['resume-nothing-missed-recovered', 'resume-from-zero-recovered'],
  ),
  'lose a replayed event': remove(
    ({ facts, rooms }) =>
      facts.connections
        .filter((each) => each.over === NEVER)
        .flatMap((each) =>
          each.received.filter(
            ({ message, n }) =>
              message.data.replay === true &&
              rooms.at(each, message.room ?? '', n)?.leaving === NEVER,
          ),
        ),
    ['resume-missed-events-replayed', 'resume-ack-counts-replay', 'resume-replay-before-live'],
  ),
};
