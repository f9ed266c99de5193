import type { Session, SessionStore } from '../sessions.js';
import { list, text } from './redis-codec.js';
import { Keys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';

// A session that has ended is remembered so long, to be told apart from one that never was.
const AFTERLIFE_MS = 3_600_000;

/** Keeps sessions in Redis, for all instances. */
export class RedisSessions implements SessionStore {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #configured: SessionStore;

  /** `configured`: sessions that exist from the start; Redis knows no more of them than that one was revoked. */
  constructor(link: RedisLink, configured: SessionStore, prefix = 'parlor:') {
    this.#link = link;
    this.#keys = new Keys(prefix);
    this.#configured = configured;
  }

  async find(key: string): Promise<Session | null> {
    const { served } = this.#link;
    const reply = list(await served.call('HMGET', this.#keys.session(key), 'session', 'revoked'));
    const [kept, revoked] = reply.map(text);
    const session =
      (await this.#configured.find(key)) ?? (kept ? (JSON.parse(kept) as Session) : null);
    return session && revoked ? { ...session, revoked: true } : session;
  }

  async create(key: string, session: Session): Promise<void> {
    const { served } = this.#link;
    const name = this.#keys.session(key);
    await served.call('HSET', name, 'session', JSON.stringify(session));
    if (session.expiresAt !== null)
      await served.call('PEXPIREAT', name, Math.ceil(session.expiresAt) + AFTERLIFE_MS);
  }

  async revoke(key: string): Promise<boolean> {
    if ((await this.find(key)) === null) return false;
    // Where Redis loses what it knows, a configured session does not come back to life here.
    await this.#configured.revoke(key);
    await this.#link.served.call('HSET', this.#keys.session(key), 'revoked', '1');
    return true;
  }
}
