// What all connections share: users, statistics, and whether the server drains.
import { Refused, revoked } from './auth.js';
import { limits, rates } from './config.js';
import { SlidingLog } from './limits.js';

const [messages] = rates;

export class Hub {
  /** Set when the drain begins. */
  draining = null;
  total = 0;
  #started = performance.now();
  #recent = [];
  #users = new Map();
  #logs = new Map();

  everyone() {
    return [...this.#users.values()].flatMap((own) => [...own]);
  }

  add(connection) {
    const own = this.#users.get(connection.user) ?? new Set();
    if (own.size >= limits.max_connections_per_user) throw new Refused(4005, 'connection_limit');
    this.#users.set(connection.user, own.add(connection));
  }

  remove(connection) {
    const { user } = connection;
    const own = this.#users.get(user);
    if (!own?.delete(connection) || own.size > 0) return;
    this.#users.delete(user);
    setTimeout(() => this.#forget(user), messages.window_ms + 1_000).unref();
  }

  /** The messages of all connections of a user, which outlive them: a reconnect gains nothing. */
  logOf(user) {
    if (!this.#logs.has(user))
      this.#logs.set(user, new SlidingLog(messages.limit, messages.window_ms));
    return this.#logs.get(user);
  }

  #forget(user) {
    if (!this.#users.has(user) && this.#logs.get(user)?.count() === 0) this.#logs.delete(user);
  }

  // #region revoke
  /** Ends a session, and with it all of its connections. */
  revoke(session) {
    revoked.add(session);
    for (const connection of this.everyone())
      if (connection.identity.session === session) connection.end(4003, 'session_revoked');
  }
  // #endregion revoke

  countMessage() {
    this.total += 1;
    this.#recent.push(performance.now());
  }

  // #region stats
  stats() {
    const uptime = Math.max(1, performance.now() - this.#started);
    const span = Math.min(60_000, uptime);
    while (this.#recent[0] < performance.now() - span) this.#recent.shift();
    return {
      active_connections: this.everyone().length, // the connections themselves, not a second count
      total_messages: this.total,
      uptime_seconds: uptime / 1_000,
      messages_per_second: this.#recent.length / (span / 1_000), // of the last minute, not of all time
    };
  }
  // #endregion stats
}
