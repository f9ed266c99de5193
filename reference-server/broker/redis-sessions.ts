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

  /** `configured`: sessions that exist from the start; Redis is told of one when it is first asked for. */
  constructor(link: RedisLink, configured: SessionStore, prefix = 'parlor:') {
    this.#link = link;
    this.#keys = new Keys(prefix);
    this.#configured = configured;
  }

  async find(key: string): Promise<Session | null> {
    const name = this.#keys.session(key);
    const [kept, revoked] = list(
      await this.#link.served.call('HMGET', name, 'session', 'revoked'),
    ).map(text);
    if (kept) return { ...(JSON.parse(kept) as Session), ...(revoked ? { revoked: true } : {}) };
    const configured = await this.#configured.find(key);
    if (configured) await this.create(key, configured);
    return configured;
  }

  async create(key: string, session: Session): Promise<void> {
    const { served } = this.#link;
    const name = this.#keys.session(key);
    // Never over what is there: it may have been revoked in the meantime.
    await served.call('HSETNX', name, 'session', JSON.stringify(session));
    if (session.expiresAt !== null)
      await served.call('PEXPIREAT', name, Math.ceil(session.expiresAt) + AFTERLIFE_MS);
  }

  async revoke(key: string): Promise<boolean> {
    if ((await this.find(key)) === null) return false;
    // Where Redis loses what it knows, a configured session does not come back to life here.
    await this.#configured.revoke(key);
    return (await this.#link.served.run('revoke', [this.#keys.session(key)], [])) === 1;
  }
}
