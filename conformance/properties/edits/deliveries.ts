import type { Judgement } from '../judge/judge.js';
import type { JudgedRule } from '../judged.js';
import { copies, NEVER, type StableCopy, steady, stranger } from './choices.js';
import {
  change,
  data,
  double,
  type Edit,
  edited,
  elsewhere,
  entryOf,
  exchange,
  overhear,
  pick,
  remove,
} from './edit.js';

const lost: JudgedRule[] = [
  'chat-delivered-to-members',
  'chat-echoed-to-sender',
  'chat-seq-increments',
  'chat-delivered-without-id',
  'rooms-join-then-every-event',
];

/** Copies whose event others prove, too: what a lost sender said last, and one alone heard, may never have been said. */
function witnessed(judgement: Judgement): StableCopy[] {
  const all = copies(judgement);
  return all.filter(
    ({ stay, message, requests, shared }) =>
      shared ||
      requests.some((each) => each.reply) ||
      all.some((each) => each.stay === stay && (each.message.seq ?? 0) > (message.seq ?? 0)),
  );
}

/** Illegal edits of what members receive. */
export const deliveries: Record<string, Edit> = {
  'lose a delivery': remove(witnessed, lost),
  'double a delivery': double(copies, ['chat-delivered-once', 'rooms-join-not-doubled']),
  'swap two deliveries': exchange(
    (judgement, random) => {
      const stable = copies(judgement);
      const found = pick(stable, random);
      const next = stable.find(
        (each) => each.stay === found?.stay && each.message.seq === (found.message.seq ?? 0) + 1,
      );
      // What comes before it was sent is no matter of order.
      if (!found || !next || next.requests.some((each) => each.n > found.n)) return undefined;
      return [found.n, next.n];
    },
    ['chat-order-shared'],
  ),
  'forge a sender': change(copies, () => ({ from: 'mallory' }), ['chat-from-verified']),
  'change a text': change(copies, (copy) => data(copy, { text: `${copy.message.data.text} ` }), [
    'chat-text-exact',
  ]),
  'deliver what nobody sent': change(
    copies,
    (copy, { facts }) => data(copy, { text: `${facts.trace.namespace}#none` }),
    ['chat-text-exact'],
  ),
  'add a meta': change(
    (judgement) => copies(judgement).filter((each) => !each.message.data.meta),
    (copy) => data(copy, { meta: {} }),
    ['messages-meta-absent'],
  ),
  'change a meta': change(
    (judgement) => copies(judgement).filter((each) => each.message.data.meta),
    (copy) => data(copy, { meta: { changed: true } }),
    ['messages-meta-equal'],
  ),
  'change the seq of a copy': change(
    (judgement) => copies(judgement).filter((each) => each.shared),
    ({ message }) => ({ seq: (message.seq ?? 0) + 7 }),
    ['chat-copies-identical', 'chat-ack-matches-event', ...lost],
  ),
  'change the timestamp of a copy': change(
    (judgement) => copies(judgement).filter((each) => each.shared),
    () => ({ timestamp: '2001-01-01T00:00:00.000Z' }),
    ['chat-copies-identical', 'resume-replayed-events-unchanged'],
  ),
  'give two events one id': change(
    copies,
    ({ message }, { events }, random) => {
      const others = events.all.filter((each) => each.id !== message.id && each.copies.length > 0);
      const other = pick(others, random);
      return other && { id: other.id };
    },
    [
      'chat-ids-unique',
      'chat-ack-matches-event',
      'chat-delivered-once',
      'resume-duplicate-not-delivered',
    ],
  ),
  'move an event to another room': change(
    copies,
    ({ message }, { rooms }, random) => {
      const room = pick(
        rooms.names.filter((each) => each !== message.room),
        random,
      );
      return room === undefined ? undefined : { room };
    },
    [
      'rooms-no-leak-to-strangers',
      'rooms-join-ack-first',
      'rooms-leave-stops-events',
      'rooms-join-this-connection-only',
    ],
  ),
  'mark a live event as a replay': change(copies, (copy) => data(copy, { replay: true }), [
    'resume-live-events-unmarked',
    'resume-ack-counts-replay',
  ]),
  'flip a byte': change(
    (judgement) => copies(judgement, 'binary'),
    ({ message }) => {
      const payload = Buffer.from(message.payload ?? []);
      payload[payload.length - 1] = (payload.at(-1) ?? 0) ^ 1;
      return { payload };
    },
    ['binary-payload-identical'],
  ),
  'deliver to a stranger': overhear(
    copies,
    ({ message, n }, judgement) =>
      steady(judgement, n)
        .filter((each) => stranger(each, message.room ?? '', n))
        .map((each) => each.number),
    ['rooms-no-leak-to-strangers', 'rooms-join-this-connection-only'],
  ),
  'deliver after leave': (judgement, random) => {
    const stays = judgement.rooms.stays.filter(
      ({ until, joined, connection }) =>
        until !== NEVER && joined !== NEVER && connection.over === NEVER,
    );
    const stay = pick(stays, random);
    const rejoining = stay?.connection.requests.some(
      ({ message, n, reply }) =>
        message.type === 'join' &&
        message.room === stay.room &&
        n < stay.until &&
        (reply?.n ?? NEVER) > stay.until,
    );
    const copy = judgement.events.all.find(
      (each) => each.room === stay?.room && each.accepted < (stay?.until ?? 0) && each.copies[0],
    )?.copies[0];
    if (!stay || rejoining || !copy) return undefined;
    const ack = entryOf(judgement, stay.until);
    const late = { ...elsewhere(judgement, copy.n, stay.connection.number), at: ack.at };
    return {
      trace: edited(judgement, [[stay.until, [ack, late]]]),
      rules: ['rooms-leave-stops-events'],
    };
  },
  'deliver before the ack of join': (judgement, random) => {
    const found = pick(
      copies(judgement).filter(({ requests, stay }) =>
        requests.every((each) => each.n < stay.joined),
      ),
      random,
    );
    if (!found) return undefined;
    const { joined } = found.stay;
    return {
      trace: edited(judgement, [
        [found.n, []],
        [joined, [entryOf(judgement, found.n), entryOf(judgement, joined)]],
      ]),
      rules: ['rooms-join-ack-first'],
    };
  },
};
