import { timestamp } from '../clock.js';
import type { BrokerFactory } from '../core.js';
import type { Settings } from '../environment.js';
import type { SessionStore } from '../sessions.js';
import { overRedis } from './redis.js';
import { RedisLink } from './redis-link.js';
import { RedisSessions } from './redis-sessions.js';

/** What instances share over Redis: broker and sessions on one connection. */
export function shareOverRedis(
  { presenceTtlMs, options }: Settings,
  url: string,
  write: ((event: Readonly<Record<string, unknown>>) => void) | undefined,
): { readonly broker: BrokerFactory; readonly sessions?: SessionStore } {
  const log = write
    ? {
        log: (event: Readonly<Record<string, unknown>>) =>
          write({ ...event, timestamp: timestamp(Date.now()) }),
      }
    : {};
  const link = new RedisLink({ url, ...log });
  return {
    broker: overRedis(link, { presenceTtlMs, ...log }),
    ...(options.sessions ? { sessions: new RedisSessions(link, options.sessions) } : {}),
  };
}
