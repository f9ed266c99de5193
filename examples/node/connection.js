// One welcomed connection: what it is sent, what it asks for, how it ends.
import { randomUUID } from 'node:crypto';
import * as config from './config.js';
import { SlidingLog } from './limits.js';
import { log } from './log.js';
import { encode, Refusal, read, timestamp } from './messages.js';
import { roomOf } from './rooms.js';

const FAREWELL_MS = 5_000;
const LONGEST_TIMER_MS = 86_400_000;
const bucketOf = Object.fromEntries(
  config.rates.flatMap((bucket) => bucket.types.map((type) => [type, bucket])),
);
const refusalLog = ({ close_after, window_ms }) =>
  close_after > 0 ? new SlidingLog(close_after, window_ms) : undefined;

export class Connection {
  id = randomUUID();
  rooms = new Set();
  over = false;
  retryAfterMs = 0;
  #timers = [];
  #logs = Object.fromEntries(
    config.rates.map(({ bucket, limit, window_ms }) => [bucket, new SlidingLog(limit, window_ms)]),
  );
  #refusals = Object.fromEntries(config.rates.map((each) => [each.bucket, refusalLog(each)]));
  #faults = new SlidingLog(
    config.limits.max_protocol_errors,
    config.limits.protocol_error_window_ms,
  );

  constructor(hub, socket, tcp, identity) {
    Object.assign(this, { hub, socket, tcp, identity, user: identity.user });
  }

  // #region serve
  /** From the welcome to the end, whoever brings it about. */
  serve() {
    log('websocket_connect', this);
    this.deliver(encode('welcome', this.#welcome()));
    this.#watchExpiry();
    this.#beat();
    this.socket.on('message', (bytes, isBinary) => {
      // ws gives a Buffer for both: only the flag tells them apart.
      if (this.over) return;
      log('message_received', this, { message_length: bytes.length });
      this.#handle(isBinary ? null : bytes.toString());
    });
  }
  // #endregion serve

  // #region deliver
  /** Queues a frame, and never waits: a connection that reads too slowly ends, and only that one. */
  deliver(frame) {
    if (this.over) return;
    if (this.socket.bufferedAmount + Buffer.byteLength(frame) > config.limits.max_queue_bytes)
      this.end(4102, 'slow_consumer');
    else this.socket.send(frame);
  }

  /** Closes behind what is queued. Nothing more is read, and the rooms are left once the loop turns. */
  end(code, reason) {
    if (this.over) return;
    this.over = true;
    this.ending = { code, reason };
    this.socket.close(code, reason);
    this.#timers.push(setTimeout(() => this.socket.terminate(), FAREWELL_MS)); // it may never read the Close
    setImmediate(() => this.gone()); // not now: the caller may be walking through a room
  }

  /** Leaves everything; called for each end of a connection, whoever brought it about. */
  gone() {
    const silent = this.hub.draining && this.over;
    this.over = true;
    for (const room of this.rooms) room.leave(this, 'disconnected', silent);
    this.hub.remove(this);
  }
  // #endregion deliver

  stopTimers() {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  reply(ref, room, data) {
    if (ref !== undefined) this.deliver(encode('ack', data, { ref, room: room?.name ?? room }));
  }

  // #region handle
  #handle(text) {
    const request = read(text);
    const { type, id, room, data } = request;
    try {
      if (request.fault) throw request.fault;
      if (this.hub.draining) throw this.hub.draining.refusal(this);
      this.#admit(type);
      this.#checkRoom(type, room);
      requests[type](this, request, room === undefined ? undefined : roomOf(room), data);
    } catch (fault) {
      if (!(fault instanceof Refusal)) throw fault;
      log('websocket_error', this, { code: fault.data.code });
      this.deliver(encode('error', fault.data, { ref: id, room }));
      this.#punish(fault); // and the connection goes on
    }
  }

  #punish({ isProtocolError, data: { code, bucket, retry_after_ms } }) {
    if (isProtocolError && this.#faults.spend()) this.end(4000, 'too_many_protocol_errors');
    if (code === 'rate_limited' && this.#refusals[bucket]?.spend())
      this.end(4101, `rate_limited;retry_after_ms=${retry_after_ms}`);
  }
  // #endregion handle

  #admit(type) {
    const { bucket, scope, limit, window_ms } = bucketOf[type];
    const log = scope === 'user' ? this.hub.logOf(this.user) : this.#logs[bucket];
    const retry_after_ms = log.admit();
    if (retry_after_ms > 0)
      throw new Refusal('rate_limited', `More than ${limit} messages in ${window_ms} ms.`, {
        bucket,
        limit,
        retry_after_ms,
      });
  }

  #checkRoom(type, room) {
    if (room === undefined || type === 'leave' || type === 'ping') return;
    const { rooms } = this.identity;
    if (rooms !== undefined && !rooms.includes(room))
      throw new Refusal('forbidden', 'The token does not allow this room.');
    if (this.#isIn(room)) return;
    if (type !== 'join') throw new Refusal('not_in_room', 'The connection is not in this room.');
    if (this.rooms.size >= config.limits.max_rooms)
      throw new Refusal('too_many_rooms', `The connection is in ${this.rooms.size} rooms.`);
  }

  #isIn(name) {
    return [...this.rooms].some((room) => room.name === name);
  }

  // #region beat
  /** A Ping each half interval; the end of a peer that sends nothing at all, no Pong either. */
  #beat() {
    const { interval_ms, timeout_ms } = config.heartbeat;
    let heardAt = performance.now();
    this.tcp.on('data', () => {
      heardAt = performance.now();
    });
    const look = () => {
      const left = heardAt + interval_ms + timeout_ms - performance.now();
      if (left > 0) return this.#after(left, look);
      this.end(4201, 'heartbeat_timeout');
      setTimeout(() => this.socket.terminate(), 100); // nobody is there to answer the Close
    };
    this.#after(interval_ms + timeout_ms, look);
    const pings = setInterval(() => !this.over && this.socket.ping(), interval_ms / 2);
    this.#timers.push(pings);
  }
  // #endregion beat

  #after(ms, step) {
    if (!this.over) this.#timers.push(setTimeout(step, Math.max(1, ms)));
  }

  /** Closes when the credential has expired; long waits are cut, since timers are bounded and clocks are set. */
  #watchExpiry() {
    const { expiresAt, session } = this.identity;
    if (expiresAt === null) return;
    const left = expiresAt + (session ? 0 : config.token.leewayMs) - Date.now();
    if (left > 0) this.#after(Math.min(left, LONGEST_TIMER_MS), () => this.#watchExpiry());
    else if (session) this.end(4003, 'session_expired');
    else this.end(4001, 'token_expired');
  }

  #welcome() {
    const { expiresAt, method } = this.identity;
    return {
      protocol: 'parlor.v1',
      server: { name: 'parlor-node', version: '1.0.0' },
      connection_id: this.id,
      user: this.user,
      features: config.features,
      heartbeat: config.heartbeat,
      auth: { method, expires_at: expiresAt === null ? null : timestamp(expiresAt) },
      limits: config.limits,
      rates: config.rates,
      typing_ttl_ms: config.typingTtlMs,
      session_revocation_ms: config.features.includes('session') ? config.revocationMs : undefined,
    };
  }
}

const requests = {
  join: (connection, { id }, room) => room.join(connection, id),
  leave(connection, { id }, room) {
    room.leave(connection, 'left');
    connection.reply(id, room, {});
  },
  members: (connection, { id }, room) => connection.reply(id, room, room.list(connection.user)),
  chat(connection, { id, data }, room) {
    connection.hub.countMessage();
    room.chat(connection, id, data);
  },
  typing(connection, { id, data }, room) {
    room.setTyping(connection.user, data.active);
    connection.reply(id, room, {});
  },
  ping: (connection, { id, data }) => connection.deliver(encode('pong', data, { ref: id })),
};
