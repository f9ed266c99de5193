import type { JudgedRule } from '../judged.js';
import type { Event, Events } from './events.js';
import { type Connection, type Facts, type Received, refusal } from './facts.js';
import type { Findings } from './findings.js';
import { ruleFor } from './identity.js';
import type { Rooms, Stay } from './stays.js';

const roomEvents = ['chat', 'binary', 'typing', 'join', 'leave', 'gap'];

/** What each connection hears of each room: only while it is in it, and then without hole, double or disorder. */
export function streams(facts: Facts, rooms: Rooms, events: Events, findings: Findings): void {
  for (const connection of facts.connections) {
    const streams = new Map<Stay, Stream>();
    for (const stay of rooms.stays)
      if (stay.connection === connection && !rooms.disturbed.has(stay.room))
        streams.set(stay, new Stream(facts, stay, rooms, events, findings));
    for (const received of connection.received) {
      const { message, n } = received;
      const room = message.room;
      if (room === undefined) continue;
      if (message.type === 'ack') {
        for (const stay of rooms.of(connection.user, room)) streams.get(stay)?.ack(received);
        continue;
      }
      if (!roomEvents.includes(message.type)) continue;
      // An application that takes a user out of a room may say so to that user.
      if (message.type === 'leave' && message.data.user === connection.user) continue;
      const stay = rooms.at(connection, room, n);
      findings.saw('rooms-no-leak-to-strangers');
      if (stay) streams.get(stay)?.take(received);
      else leak(facts, rooms, connection, received, findings);
    }
    for (const stream of streams.values()) stream.finish();
  }
}

function leak(
  facts: Facts,
  rooms: Rooms,
  connection: Connection,
  received: Received,
  findings: Findings,
): void {
  const { message, n } = received;
  const room = message.room ?? '';
  const who = facts.who(connection);
  const what = `a ${message.type} event of ${facts.name(room)}`;
  const own = connection.requests.filter((each) => each.message.room === room && each.n < n);
  const pending = own.find(
    (each) =>
      each.message.type === 'join' &&
      (each.reply?.n ?? Number.POSITIVE_INFINITY) > n &&
      refusal(each) === undefined,
  );
  const leave = own.findLast(
    (each) => each.message.type === 'leave' && each.reply && each.reply.n < n,
  );
  const about = [
    `room:${room}`,
    `leak:${connection.number}`,
    ...(message.id === undefined ? [] : [`event:${message.id}`]),
  ];
  const [rule, expected, proof]: [JudgedRule, string, number[]] = pending
    ? [
        'rooms-join-ack-first',
        `the ack of the join before any event of ${facts.name(room)}`,
        [pending.n, pending.reply?.n ?? -1],
      ]
    : leave &&
        rooms
          .of(connection.user, room)
          .some((each) => each.connection === connection && each.join.n < leave.n)
      ? [
          'rooms-leave-stops-events',
          `no event of ${facts.name(room)} after the ack of leave`,
          [leave.n, leave.reply?.n ?? -1],
        ]
      : rooms.maybeIn(connection.user, room, 0, n)
        ? [
            'rooms-join-this-connection-only',
            `no event of ${facts.name(room)}: another connection of ${facts.name(connection.user)} joined it, this one did not`,
            [],
          ]
        : [
            'rooms-no-leak-to-strangers',
            `no event of ${facts.name(room)}: ${who} is not in it`,
            own.flatMap((each) => [each.n, each.reply?.n ?? -1]),
          ];
  findings.add({
    rule,
    expected,
    actual: `${who} received ${what}`,
    entries: [...proof, n],
    about,
  });
}

/** The sequenced events that one stay has received so far. */
class Stream {
  readonly #facts: Facts;
  readonly #stay: Stay;
  readonly #rooms: Rooms;
  readonly #events: Events;
  readonly #findings: Findings;
  readonly #got = new Map<number, Received>();
  readonly #again = new Set<number>();
  readonly #missing = new Map<number, Received>();
  #at: number;
  #began = false;
  #owed = 0;
  #crossed = false;
  #replay: { next: number; left: number; ack: Received } | undefined;

  constructor(facts: Facts, stay: Stay, rooms: Rooms, events: Events, findings: Findings) {
    this.#rooms = rooms;
    this.#facts = facts;
    this.#stay = stay;
    this.#events = events;
    this.#findings = findings;
    this.#at = stay.base;
  }

  /** Takes the ack of a join or of a further one: a replay may follow. */
  ack(received: Received): void {
    const join = [this.#stay.join, ...this.#stay.rejoins].find((each) => each.reply === received);
    if (!join) return;
    const first = !this.#began;
    this.#began = true;
    const { recovered, replayed } = received.message.data;
    const since = (join.message.data['since'] as { seq?: number } | undefined)?.seq ?? 0;
    if (recovered !== true || typeof replayed !== 'number') return;
    // Of two replays at once only the number of events is sure.
    this.#crossed = (this.#replay?.left ?? 0) > 0;
    this.#owed += replayed;
    this.#replay = { next: since + 1, left: replayed + (this.#replay?.left ?? 0), ack: received };
    if (first) this.#at = Math.max(this.#stay.base, since + replayed);
    else {
      // What was on its way to a member may come as a replay, live, or both.
      for (let seq = this.#at + 1; seq <= since + replayed; seq += 1) this.#again.add(seq);
    }
  }

  /** Takes an event of the room that this stay covers. */
  take(received: Received): void {
    const { message } = received;
    if ((message.type !== 'chat' && message.type !== 'binary') || typeof message.seq !== 'number')
      return;
    // A join that may have failed says nothing of where the stream begins.
    if (this.#stay.joined === Number.POSITIVE_INFINITY) return;
    if (message.data.replay === true) {
      this.#replayed(received, message.seq);
      return;
    }
    if (this.#replay && this.#replay.left > 0 && !this.#crossed) {
      this.#tell(
        'resume-replay-before-live',
        `the ${this.#replay.left} replayed events that are still owed before any live one`,
        `a live event with seq ${message.seq}`,
        [this.#replay.ack.n, received.n],
      );
      this.#replay = undefined;
    }
    this.#live(received, message.seq);
  }

  #live(received: Received, seq: number): void {
    this.#findings.saw('rooms-join-then-every-event');
    this.#findings.saw('chat-order-shared');
    const double = this.#got.get(seq);
    const kind = received.message.type;
    if (double) {
      this.#tell(
        this.#stay.rejoins.some((each) => each.n < received.n)
          ? 'rooms-join-not-doubled'
          : ruleFor('once', kind),
        `the event with seq ${seq} once`,
        'it twice',
        [double.n, received.n],
      );
      return;
    }
    this.#got.set(seq, received);
    if (this.#again.has(seq) && seq <= this.#at) return;
    if (seq === this.#at + 1) {
      this.#at = seq;
      return;
    }
    if (seq > this.#at) {
      for (let hole = this.#at + 1; hole < seq; hole += 1)
        if (!this.#again.has(hole)) this.#missing.set(hole, received);
      this.#at = seq;
      return;
    }
    const skipped = this.#missing.get(seq);
    if (skipped) {
      this.#missing.delete(seq);
      this.#tell(
        'chat-order-shared',
        `events in the order of their seq`,
        `seq ${skipped.message.seq} before seq ${seq}`,
        [skipped.n, received.n],
      );
      return;
    }
    this.#tell(
      'rooms-join-nothing-older',
      `only events with a seq above ${this.#stay.base}, the one in the ack of join`,
      `a live event with seq ${seq}`,
      [this.#stay.joined, received.n],
    );
  }

  #replayed(received: Received, seq: number): void {
    const replay = this.#replay;
    if (!replay || replay.left === 0) {
      this.#tell(
        'resume-live-events-unmarked',
        'no replay: none was announced by an ack of join',
        `seq ${seq} marked as a replay`,
        [replay?.ack.n ?? this.#stay.joined, received.n],
      );
      return;
    }
    this.#findings.saw('resume-missed-events-replayed');
    if (seq !== replay.next && !this.#crossed)
      this.#tell(
        'resume-missed-events-replayed',
        `the replay of seq ${replay.next} next`,
        `that of seq ${seq}`,
        [replay.ack.n, received.n],
      );
    replay.next = seq + 1;
    replay.left -= 1;
    this.#owed -= 1;
  }

  /** What is missing for good. */
  finish(): void {
    for (const [seq, later] of this.#missing) this.#lost(seq, later);
    const { leaving, joined, epoch, room } = this.#stay;
    if (
      !this.#facts.final ||
      leaving !== Number.POSITIVE_INFINITY ||
      joined === Number.POSITIVE_INFINITY
    )
      return;
    const replay = this.#replay;
    if (replay && this.#owed > 0)
      this.#tell(
        'resume-ack-counts-replay',
        `${replay.ack.message.data.replayed} replayed events, as the ack of join says`,
        `${this.#owed} of what was announced never`,
        [replay.ack.n],
        true,
      );
    for (const event of this.#events.sequence(room, epoch)) {
      const seq = event.seq ?? 0;
      if (seq > this.#at && seq > this.#stay.base && !this.#got.has(seq))
        this.#lost(seq, undefined, event);
    }
    this.#behind(room, epoch);
  }

  /** An ack of a join may know of numbers whose events nobody else has seen. */
  #behind(room: string, epoch: string): void {
    const told = this.#rooms.stays
      .filter((each) => each.room === room)
      .flatMap((each) => [each.join, ...each.rejoins])
      .flatMap(({ reply }) => (reply?.message.data.epoch === epoch ? [reply] : []));
    const highest = told.reduce((most, each) => Math.max(most, each.message.data.seq ?? 0), 0);
    const known = this.#events.sequence(room, epoch).some((each) => (each.seq ?? 0) >= highest);
    const source = told.find((each) => each.message.data.seq === highest);
    if (known || !source || highest <= this.#at) return;
    this.#tell(
      'rooms-join-then-every-event',
      `the events of ${this.#facts.name(room)} up to seq ${highest}, the number that ${this.#facts.who(source.connection)} was told`,
      `none above ${this.#at}`,
      [this.#stay.joined, source.n],
      true,
    );
  }

  #lost(seq: number, later: Received | undefined, known?: Event): void {
    const { room, epoch, connection } = this.#stay;
    const event = known ?? this.#events.sequence(room, epoch).find((each) => each.seq === seq);
    const unheard = event ? undefined : this.#events.unheard(room);
    if (unheard) {
      this.#tell(
        'chat-delivered-without-id',
        `seq ${seq} before seq ${later?.message.seq}, and with it the chat without id that nobody received`,
        `seq ${later?.message.seq} next`,
        [this.#stay.joined, unheard.n, later?.n ?? -1],
      );
      return;
    }
    if (!event) {
      this.#tell(
        'chat-seq-increments',
        `seq ${seq} before seq ${later?.message.seq}`,
        `seq ${later?.message.seq} next, and nobody an event with seq ${seq}`,
        [this.#stay.joined, later?.n ?? -1],
      );
      return;
    }
    const own = event.requests.some((each) => each.connection === connection);
    const rule =
      event.type === 'binary'
        ? 'binary-delivered-once-as-binary'
        : own
          ? 'chat-echoed-to-sender'
          : 'chat-delivered-to-members';
    this.#tell(
      rule,
      `the ${event.type} with seq ${seq} of ${this.#facts.name(room)}`,
      later ? `seq ${later.message.seq} and never it` : 'it never',
      [this.#stay.joined, event.requests[0]?.n ?? -1, event.accepted, later?.n ?? -1],
      later === undefined,
      event,
    );
  }

  #tell(
    rule: JudgedRule,
    expected: string,
    actual: string,
    entries: number[],
    absence = false,
    event?: Event,
  ): void {
    const { connection, room } = this.#stay;
    this.#findings.add({
      rule,
      expected,
      actual: `${this.#facts.who(connection)} received ${actual}`,
      entries,
      about: [
        `room:${room}`,
        `stream:${connection.number}:${room}`,
        ...(event ? [`event:${event.id}`] : []),
      ],
      absence,
    });
  }
}
