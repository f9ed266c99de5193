import { buildBinary, type Message } from '#conformance/harness/message.js';
import { bucketOf } from '#conformance/harness/welcome.js';
import type { Announced } from '../trace.js';
import { read } from './reading.js';

/** How a right server may differ from another right one. */
export interface Style {
  /** The ack of a chat before its echo. */
  ackFirst: boolean;
  /** Items reach each connection by a queue of its own, after the reply to what caused them. */
  fanOut: boolean;
  /** A room that everyone has left begins anew. */
  forgetful: boolean;
  /** A typing that changes nothing is not relayed. */
  coalescing: boolean;
}

/** One connection as the model sees it. */
export interface Peer {
  id: number;
  user: string;
  broadcaster: boolean;
  rooms: Map<string, number>;
  /** Frames for the peer, in order. */
  out: (Message | Buffer)[];
  /** Items of rooms on their way to the peer. */
  inbox: { room: string; rev: number; message: Message }[];
  open: boolean;
  control: number[];
}

interface Room {
  epoch: string;
  seq: number;
  rev: number;
  members: Set<Peer>;
  history: Message[];
  typing: Map<string, boolean>;
}

const messages = ['chat', 'direct', 'broadcast', 'binary'];
const inner = ['chat', 'typing', 'members', 'binary'];

/** One thing that a wrong server does now and then; the model asks at the place where it would. */
export type Fault = (name: string) => boolean;

/**
 * A small server that speaks Parlor without sockets: the judge's counterpart in tests. Each message is carried out in
 * one step; what others hear of it may be on its way for a while.
 */
export class Server {
  readonly announced: Announced;
  readonly style: Style;
  readonly fault: Fault;
  readonly peers: Peer[] = [];
  readonly #rooms = new Map<string, Room>();
  readonly #logs = new Map<string, number[]>();
  readonly #remembered = new Map<string, { content: string; data: Message['data']; at: number }>();
  #count = 0;

  constructor(announced: Announced, style: Style, fault: Fault) {
    this.announced = announced;
    this.style = style;
    this.fault = fault;
  }

  /** Welcomes a connection. */
  connect(user: string, broadcaster: boolean): Peer {
    this.#count += 1;
    const peer: Peer = {
      id: this.#count,
      user,
      broadcaster,
      rooms: new Map(),
      out: [],
      inbox: [],
      open: true,
      control: [],
    };
    this.peers.push(peer);
    this.#send(peer, {
      type: 'welcome',
      timestamp: this.#stamp(),
      data: { user, connection_id: `c${peer.id}` },
    });
    return peer;
  }

  /** The server learns that a connection is over. */
  disconnect(peer: Peer): void {
    if (!peer.open) return;
    peer.open = false;
    for (const name of [...peer.rooms.keys()]) {
      if (this.fault('ghost after disconnect')) continue;
      this.#leave(peer, name, 'disconnected');
    }
  }

  /** Carries out one message. */
  take(peer: Peer, raw: string | Buffer, now: number): void {
    const { request, flaw } = read(raw, this.announced);
    if (flaw) this.#error(peer, request, flaw.code, flaw.more);
    else this.#request(peer, request, now);
  }

  /** Hands the next item of a room to a peer. */
  deliver(peer: Peer): void {
    const item = peer.inbox.shift();
    if (!item || !peer.open) return;
    const since = peer.rooms.get(item.room);
    if (since !== undefined && item.rev <= since) return;
    this.#send(peer, item.message);
    if (this.fault('double delivery')) this.#send(peer, item.message);
  }

  #request(peer: Peer, request: Message, now: number): void {
    const { type, data, room } = request;
    const key = `${peer.user} ${request.id}`;
    const content = JSON.stringify([type, room, data, request.payload?.toString('base64')]);
    const known =
      messages.includes(type) && request.id !== undefined ? this.#remembered.get(key) : undefined;
    const inside = room !== undefined && peer.rooms.has(room);
    if (known && this.announced.dedup_window_ms !== undefined && !this.fault('dedup forgets'))
      this.#again(peer, request, known, content);
    else if (!this.#admit(peer, type, now))
      this.#error(peer, request, 'rate_limited', {
        bucket: 'messages',
        limit: 10,
        retry_after_ms: 1,
      });
    else if (inner.includes(type) && !inside && !this.fault('chat without membership'))
      this.#error(peer, request, 'not_in_room');
    else {
      const result = this.#execute(peer, request);
      if (result && request.id !== undefined)
        this.#remembered.set(key, { content, data: result, at: now });
    }
  }

  #again(
    peer: Peer,
    request: Message,
    known: { content: string; data: Message['data'] },
    content: string,
  ): void {
    if (known.content === content || this.fault('dedup ignores content'))
      this.#ack(peer, request, { ...known.data, duplicate: true });
    else this.#error(peer, request, 'duplicate_id');
  }

  /** What a message of the messages bucket came to; undefined for the others. */
  #execute(peer: Peer, request: Message): Message['data'] | undefined {
    const room = request.room ?? '';
    if (request.type === 'ping') this.#pong(peer, request);
    else if (request.type === 'join') this.#join(peer, request);
    else if (request.type === 'leave') this.#left(peer, request);
    else if (request.type === 'members') this.#ack(peer, request, this.#list(this.#room(room)));
    else if (request.type === 'typing') this.#typing(peer, request);
    else if (request.type === 'direct') return this.#direct(peer, request);
    else if (request.type === 'broadcast') return this.#broadcast(peer, request);
    else return this.#chat(peer, request);
    return undefined;
  }

  #admit(peer: Peer, type: string, now: number): boolean {
    const rate = bucketOf(this.announced, type);
    if (!rate) return true;
    const log = rate.scope === 'user' ? (this.#logs.get(peer.user) ?? []) : peer.control;
    const recent = log.filter((each) => each > now - rate.window_ms);
    if (recent.length >= rate.limit && !this.fault('rate not enforced')) return false;
    if (this.fault('rate too strict')) return false;
    recent.push(now);
    if (rate.scope === 'user') this.#logs.set(peer.user, recent);
    else peer.control = recent;
    return true;
  }

  #room(name: string): Room {
    let room = this.#rooms.get(name);
    if (!room) {
      this.#count += 1;
      room = {
        epoch: `e${this.#count}`,
        seq: 0,
        rev: 0,
        members: new Set(),
        history: [],
        typing: new Map(),
      };
      this.#rooms.set(name, room);
    }
    return room;
  }

  #users({ members }: Room): string[] {
    return [...new Set([...members].map((each) => each.user))];
  }

  #list(room: Room): Message['data'] {
    const members = this.#users(room);
    return { members, count: members.length + (this.fault('wrong count') ? 1 : 0) };
  }

  #join(peer: Peer, request: Message): void {
    const name = request.room ?? '';
    const room = this.#room(name);
    const present = this.#users(room).includes(peer.user);
    const again = peer.rooms.has(name);
    room.members.add(peer);
    if (
      again ? this.fault('rejoin announced') : !present || this.fault('join for every connection')
    ) {
      if (!this.fault('join not announced'))
        this.#publish(
          name,
          { type: 'join', room: name, from: peer.user, data: { user: peer.user } },
          peer.user,
        );
    }
    if (!again) peer.rooms.set(name, room.rev);
    const since = request.data['since'] as { epoch: string; seq: number } | undefined;
    const missed =
      since && since.epoch === room.epoch && since.seq <= room.seq
        ? room.history.filter((each) => (each.seq ?? 0) > since.seq)
        : undefined;
    const lost = missed && this.fault('replay incomplete') ? missed.slice(1) : missed;
    const list = this.#list(room);
    // Whoever came between the reading of the list and the registration is in neither list nor event.
    const late = list.members?.findLast((each) => each !== peer.user);
    if (this.fault('snapshot before registration') && late) {
      list.members = (list.members ?? []).filter((each) => each !== late);
      list.count = list.members.length;
    }
    const seq = room.seq - (this.fault('stale seq in ack') && room.seq > 0 ? 1 : 0);
    const epoch = this.fault('epoch of its own') ? `own${peer.id}` : room.epoch;
    this.#ack(peer, request, {
      ...list,
      seq,
      epoch,
      ...(since && { recovered: missed !== undefined, replayed: lost?.length ?? 0 }),
    });
    for (const each of lost ?? [])
      this.#send(peer, { ...each, data: { ...each.data, replay: true } });
  }

  #left(peer: Peer, request: Message): void {
    const name = request.room ?? '';
    if (peer.rooms.has(name))
      this.#leave(peer, name, this.fault('wrong reason') ? 'disconnected' : 'left');
    this.#ack(peer, request, {});
  }

  #leave(peer: Peer, name: string, reason: string): void {
    const room = this.#room(name);
    room.members.delete(peer);
    peer.rooms.delete(name);
    if (!this.fault('leak after leave'))
      peer.inbox = peer.inbox.filter((each) => each.room !== name);
    const present = this.#users(room).includes(peer.user);
    if (room.typing.get(peer.user) && !present) {
      room.typing.delete(peer.user);
      this.#publish(
        name,
        { type: 'typing', room: name, from: peer.user, data: { active: false, user: peer.user } },
        peer.user,
      );
    }
    if (
      (!present || this.fault('leave for every connection')) &&
      !this.fault('leave not announced')
    )
      this.#publish(
        name,
        { type: 'leave', room: name, from: peer.user, data: { user: peer.user, reason } },
        peer.user,
      );
    if (this.fault('ghost after leave')) room.members.add(peer);
    if (room.members.size === 0 && this.style.forgetful) this.#rooms.delete(name);
  }

  #typing(peer: Peer, request: Message): void {
    const name = request.room ?? '';
    const room = this.#room(name);
    const active = request.data.active === true;
    const changes = (room.typing.get(peer.user) ?? false) !== active;
    room.typing.set(peer.user, active);
    if (changes || !this.style.coalescing) {
      const event = {
        type: 'typing',
        room: name,
        from: peer.user,
        data: { active, user: peer.user },
      };
      if (!this.fault('typing lost'))
        this.#publish(name, event, this.fault('typing to oneself') ? undefined : peer.user);
      if (this.fault('typing takes seq')) room.seq += 1;
    }
    this.#ack(peer, request, {});
  }

  #chat(peer: Peer, request: Message): Message['data'] {
    const name = request.room ?? '';
    const room = this.#room(name);
    room.seq += this.fault('seq skips') ? 2 : 1;
    const seq = this.fault('seq reused') ? Math.max(1, room.seq - 1) : room.seq;
    const event: Message = {
      type: request.type,
      id: this.#id(),
      room: name,
      from: this.fault('forged sender') ? 'mallory' : peer.user,
      seq,
      timestamp: this.#stamp(),
      data: this.#content(request),
      ...(request.payload && {
        payload: this.fault('payload flipped')
          ? Buffer.from(request.payload.map((each) => each ^ 1))
          : request.payload,
      }),
    };
    room.history.push(event);
    const data = { id: event.id as string, seq: this.fault('ack of another') ? seq + 1 : seq };
    if (this.style.ackFirst) this.#ack(peer, request, data);
    if (!this.fault('chat swallowed')) this.#publish(name, event);
    if (this.fault('chat executed twice')) {
      room.seq += 1;
      this.#publish(name, { ...event, id: this.#id(), seq: room.seq });
    }
    if (!this.style.ackFirst) this.#ack(peer, request, data);
    return data;
  }

  #content({ data, type }: Message): Message['data'] {
    const { text, meta, content_type, name } = data;
    return {
      ...(type !== 'binary' && {
        text: this.fault('text trimmed') ? String(text).trim().slice(0, -1) : text,
      }),
      ...(meta !== undefined && !this.fault('meta lost') && { meta }),
      ...(content_type !== undefined && { content_type }),
      ...(name !== undefined && { name }),
    } as Message['data'];
  }

  #direct(peer: Peer, request: Message): Message['data'] | undefined {
    const to = String(request.data.to);
    const due = this.peers.filter(
      (each) => each.open && (each.user === to || this.fault('direct to all')),
    );
    if (due.length === 0) {
      this.#error(peer, request, 'recipient_unavailable');
      return undefined;
    }
    return this.#personal(peer, request, this.fault('direct to one') ? due.slice(0, 1) : due, {
      to,
    });
  }

  #broadcast(peer: Peer, request: Message): Message['data'] | undefined {
    if (!peer.broadcaster && !this.fault('broadcast for all')) {
      this.#error(peer, request, 'forbidden');
      return undefined;
    }
    return this.#personal(
      peer,
      request,
      this.peers.filter((each) => each.open),
      {},
    );
  }

  #personal(peer: Peer, request: Message, due: Peer[], more: Message['data']): Message['data'] {
    const id = this.#id();
    const event: Message = {
      type: request.type,
      id,
      from: peer.user,
      timestamp: this.#stamp(),
      data: { ...more, ...this.#content(request) },
    };
    for (const each of due) this.#send(each, event);
    this.#ack(peer, request, { id });
    return { id };
  }

  /** To all members but those of a user, each by its own way. */
  #publish(name: string, event: Message, except?: string): void {
    const room = this.#room(name);
    room.rev += 1;
    const message = { timestamp: this.#stamp(), ...event };
    const lost = this.fault('delivery lost') ? [...room.members].at(-1) : undefined;
    const strangers = this.fault('leak to strangers') ? this.peers.filter((each) => each.open) : [];
    for (const peer of new Set([...room.members, ...strangers])) {
      if (peer.user === except || peer === lost) continue;
      const twisted = this.fault('copy differs')
        ? { ...message, timestamp: '2001-01-01T00:00:00.000Z' }
        : message;
      // A hint that is overtaken before it was sent need not be sent.
      if (this.style.coalescing && event.type === 'typing')
        peer.inbox = peer.inbox.filter(
          (each) =>
            each.room !== name ||
            each.message.type !== 'typing' ||
            each.message.from !== event.from,
        );
      if (!this.style.fanOut || !peer.rooms.has(name)) this.#send(peer, twisted);
      else if (this.fault('deliveries swap'))
        peer.inbox.unshift({ room: name, rev: room.rev, message: twisted });
      else peer.inbox.push({ room: name, rev: room.rev, message: twisted });
    }
  }

  #pong(peer: Peer, request: Message): void {
    if (this.fault('pong lost')) return;
    const data = this.fault('pong data lost') ? {} : request.data;
    this.#send(peer, {
      type: 'pong',
      ...(request.id !== undefined && { ref: request.id }),
      timestamp: this.#stamp(),
      data,
    });
  }

  #ack(peer: Peer, request: Message, data: Message['data']): void {
    if (request.id === undefined || this.fault('ack lost')) return;
    const { room, id } = request;
    const ack = {
      type: 'ack',
      ref: id,
      ...(room !== undefined && { room }),
      timestamp: this.#stamp(),
      data,
    };
    const wrong = this.fault('ack to another')
      ? this.peers.find((each) => each !== peer && each.open)
      : undefined;
    this.#send(wrong ?? peer, ack);
    if (this.fault('ack doubled')) this.#send(peer, ack);
    if (this.fault('replies swap') && peer.out.length > 1) peer.out.push(...peer.out.splice(-2, 1));
  }

  #error(peer: Peer, request: Message | undefined, code: string, more: Message['data'] = {}): void {
    const { id, room } = request ?? {};
    this.#send(peer, {
      type: 'error',
      ...(id !== undefined && { ref: id }),
      ...(room !== undefined && { room }),
      timestamp: this.#stamp(),
      data: { code, message: 'no', retryable: false, ...more },
    });
  }

  #send(peer: Peer, message: Message): void {
    const { payload, ...header } = message;
    peer.out.push(payload ? buildBinary(header, payload) : message);
  }

  #id(): string {
    if (this.fault('ids repeat')) return 'id-again';
    this.#count += 1;
    return `id${this.#count}`;
  }

  #stamp(): string {
    return '2026-01-01T00:00:00.000Z';
  }
}
