import { createHash, randomBytes } from 'node:crypto';
import { parseCookie } from 'cookie';
import type { Verdict } from './authentication.js';
import { BackendUnavailable } from './broker/broker.js';
import type { Instant } from './clock.js';
import { after, type Maybe } from './maybe.js';
import { perform } from './perform.js';
import type { Closing, Connection, Core, Grant } from './state.js';

/** The cookie that carries a session. */
export const COOKIE = 'session_token';

/** A session, as its store keeps it. */
export interface Session {
  readonly user: string;
  /** Milliseconds since 1970; null: no fixed end. */
  readonly expiresAt: number | null;
  readonly revoked: boolean;
  /** The only rooms that may be joined; all of them unless said. */
  readonly rooms?: readonly string[];
  /** Further rights, as in a token's `scope`; none unless said. */
  readonly scopes?: readonly string[];
}

/**
 * Where sessions are kept. Values are secrets: a store keeps and is asked for their keys, which are hashes.
 * A promise that is rejected with `BackendUnavailable` closes the connection with 4103.
 */
export interface SessionStore {
  /** The session of a key; null when there never was one. */
  find(key: string): Maybe<Session | null>;
  /** Keeps a session under a key. */
  create(key: string, session: Session): Maybe<void>;
  /** Marks a session as revoked; false when there is none. */
  revoke(key: string): Maybe<boolean>;
}

/** The key of a session's value. */
export function sessionKey(value: string): string {
  return createHash('sha256').update(value).digest('base64url');
}

/** A fresh session's value. */
export function newSessionValue(): string {
  return randomBytes(24).toString('base64url');
}

// The oldest go first: someone who logs in for ever cannot make the store grow for ever.
const MOST = 100_000;

/** Keeps sessions in memory: the last 100,000 of them. */
export class MemorySessions implements SessionStore {
  readonly #sessions = new Map<string, Session>();

  find(key: string): Session | null {
    return this.#sessions.get(key) ?? null;
  }

  create(key: string, session: Session): void {
    this.#sessions.set(key, session);
    if (this.#sessions.size <= MOST) return;
    for (const oldest of this.#sessions.keys()) {
      this.#sessions.delete(oldest);
      return;
    }
  }

  revoke(key: string): boolean {
    const session = this.#sessions.get(key);
    if (session) this.#sessions.set(key, { ...session, revoked: true });
    return session !== undefined;
  }
}

/** The decisions of the chapter `sessions`. */
export interface SessionsParts {
  /** The different values of session cookies among the `Cookie` headers. */
  values(headers: readonly string[]): string[];
  /** Whether a request whose only credential is the cookie has to name its origin. */
  readonly needsOrigin: boolean;
  /** Under which key a cookie's value is looked up. */
  key(value: string): string;
  /** Judges what the store knows of the session: a reason to refuse it, or null. */
  fault(session: Session | null, wall: number): string | null;
  /** Who a session is for. */
  grant(session: Session, key: string): Grant;
  /** How a connection ends whose session was refused for this reason. */
  refusal(reason: string): Closing;
  /** The connections of this instance, welcomed or not yet, that end when a session is revoked. */
  affected(core: Core, key: string): Iterable<Connection>;
}

/** As the specification has it. */
export const sessions: SessionsParts = {
  values(headers) {
    const values = new Set<string>();
    for (const pair of headers.flatMap((header) => header.split(';'))) {
      const value = parseCookie(pair, { decode: (raw) => raw })[COOKIE];
      if (value !== undefined) values.add(value);
    }
    return [...values];
  },

  needsOrigin: true,
  key: sessionKey,

  fault(session, wall) {
    if (session === null) return 'session_invalid';
    if (session.revoked) return 'session_revoked';
    return session.expiresAt !== null && session.expiresAt <= wall ? 'session_expired' : null;
  },

  grant: ({ user, expiresAt, rooms, scopes }, key) => ({
    user,
    method: 'session',
    expiresAt,
    rooms: rooms ?? null,
    scopes: scopes ?? [],
    session: key,
  }),

  refusal: (reason) => ({ code: 4003, reason }),

  affected: (core, key) =>
    [...core.connections.values(), ...core.awaiting].filter(({ grant }) => grant.session === key),
};

/** Notes the session that a connection is judged by: a revocation in the meantime has to find it. */
export function claimSession(core: Core, connection: Connection, value: string): void {
  connection.grant = { ...connection.grant, session: core.parts.sessions.key(value) };
}

/** Judges a session: its user, or the close that its fault deserves. */
export function verifySession(core: Core, value: string, at: Instant): Maybe<Verdict> {
  const { sessions: parts, authentication } = core.parts;
  const key = parts.key(value);
  const judge = (session: Session | null): Verdict => {
    const fault = parts.fault(session, at.wall);
    if (fault !== null || session === null)
      return { closing: parts.refusal(fault ?? 'session_invalid') };
    return { grant: parts.grant(session, key) };
  };
  const found = core.sessions?.find(key) ?? null;
  if (!(found instanceof Promise)) return judge(found);
  return found.then(judge, (error: unknown) => {
    if (!(error instanceof BackendUnavailable)) throw error;
    return { closing: authentication.unavailable() };
  });
}

/** Closes the connections of a session that was revoked. */
export function closeRevoked(core: Core, key: string): void {
  const closing = core.parts.sessions.refusal('session_revoked');
  for (const connection of core.parts.sessions.affected(core, key))
    perform(core, connection, [{ do: 'close', closing }]);
}

/** Revokes a session by its value, here and on every other instance; false when there is none. */
export function revokeSession(core: Core, value: string): Maybe<boolean> {
  const key = sessionKey(value);
  return after(core.sessions?.revoke(key) ?? false, (known) =>
    known ? after(core.broker.revoke(key), () => true) : false,
  );
}
