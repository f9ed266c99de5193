import type { Message } from '#conformance/harness/message.js';
import { acked, type Facts, type Received, type Request } from './facts.js';
import type { Rooms, Stay } from './stays.js';

/** The messages that a tag, the first word of a text, tells apart. */
const tagged = ['chat', 'binary', 'direct', 'broadcast'];

/** One event of the server, put together from its copies. */
export interface Event {
  type: string;
  id: string;
  room: string | undefined;
  epoch: string;
  seq: number | undefined;
  copies: Received[];
  /** The requests with its text: the one that caused it, and its repetitions. */
  requests: Request[];
  /** The first entry that proves that it was accepted. */
  accepted: number;
}

/** What the server made of chats, binary, direct and broadcast messages. */
export class Events {
  readonly all: Event[] = [];
  /** Requests by the tag of their text. */
  readonly requests = new Map<string, Request[]>();
  /** Copies whose text was sent by nobody. */
  readonly strange: Received[] = [];
  readonly #byId = new Map<string, Event>();
  readonly #ofRequest = new Map<Request, Event>();
  readonly #rooms: Rooms;

  constructor(facts: Facts, rooms: Rooms) {
    this.#rooms = rooms;
    for (const request of facts.requests) {
      if (!tagged.includes(request.message.type) || request.faulty) continue;
      const tag = tagOf(request.message);
      this.requests.set(tag, [...(this.requests.get(tag) ?? []), request]);
    }
    for (const connection of facts.connections)
      for (const received of connection.received)
        if (tagged.includes(received.message.type)) this.#copy(received, facts);
    for (const request of facts.requests) this.#ack(request);
    for (const event of this.all)
      for (const request of event.requests)
        if (!this.#ofRequest.has(request)) this.#ofRequest.set(request, event);
  }

  /** The event that a request caused or repeated; undefined when none was seen. */
  of(request: Request): Event | undefined {
    return this.#ofRequest.get(request);
  }

  /** The sequenced events of a room and epoch, by seq. */
  sequence(room: string, epoch: string): Event[] {
    return this.all
      .filter((each) => each.room === room && each.epoch === epoch && each.seq !== undefined)
      .sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0));
  }

  /** A chat without id that was surely carried out in a room, and of which nobody heard. */
  unheard(room: string): Request | undefined {
    return [...this.requests.values()]
      .flat()
      .find(
        (each) =>
          each.message.id === undefined &&
          each.message.room === room &&
          !each.maybeRefused &&
          each.done !== Number.POSITIVE_INFINITY &&
          this.#rooms.state(each) === 'in' &&
          !this.#ofRequest.has(each),
      );
  }

  #copy(received: Received, facts: Facts): void {
    const { message, connection, n } = received;
    const requests = this.requests.get(tagOf(message)) ?? [];
    const sent = requests.filter((each) => each.n < n);
    // Everyone hears broadcasts: those of other conversations are none of ours.
    if (sent.length === 0) {
      if (message.type !== 'broadcast' || tagOf(message).startsWith(`${facts.trace.namespace}#`))
        this.strange.push(received);
      return;
    }
    const id = message.id ?? '';
    const known = this.#byId.get(id);
    if (known && known.requests[0] === sent[0]) {
      known.copies.push(received);
      known.accepted = Math.min(known.accepted, n);
      return;
    }
    const stay =
      message.room === undefined ? undefined : this.#rooms.at(connection, message.room, n);
    this.#add({
      type: message.type,
      id,
      room: message.room,
      epoch: this.#epoch(stay),
      seq: message.seq,
      copies: [received],
      requests,
      accepted: n,
    });
  }

  #ack(request: Request): void {
    const { message, reply } = request;
    if (!tagged.includes(message.type) || request.faulty || !acked(request) || !reply) return;
    const { id = '', seq } = reply.message.data;
    const event = this.#byId.get(id);
    if (event?.requests.includes(request)) {
      event.accepted = Math.min(event.accepted, reply.n);
      this.#ofRequest.set(request, event);
      return;
    }
    const tag = tagOf(message);
    const stay = this.#rooms.during(request);
    this.#add({
      type: message.type,
      id,
      room: message.room,
      epoch: this.#epoch(stay),
      seq,
      copies: [],
      requests: this.requests.get(tag) ?? [request],
      accepted: reply.n,
    });
    const added = this.all.at(-1);
    if (added) this.#ofRequest.set(request, added);
  }

  // Where the server has said that it lost track, numbers prove nothing.
  #epoch(stay: Stay | undefined): string {
    return stay && !this.#rooms.disturbed.has(stay.room) ? stay.epoch : '';
  }

  #add(event: Event): void {
    this.all.push(event);
    if (event.id !== '' && !this.#byId.has(event.id)) this.#byId.set(event.id, event);
  }
}

/** The tag of a message: the first word of its text, or of its payload. */
export function tagOf({ type, data, payload }: Message): string {
  const text =
    type === 'binary'
      ? (payload?.subarray(0, 120).toString('latin1') ?? '')
      : String(data.text ?? '');
  const end = text.indexOf(' ');
  return end < 0 ? text : text.slice(0, end);
}
