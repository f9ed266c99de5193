import { timestamp } from '../clock.js';
import type { BrokerFactory } from '../core.js';
import type { Settings } from '../environment.js';
import type { SessionStore } from '../sessions.js';
import { overRedis } from './redis.js';
import { RedisLink } from './redis-link.js';
import { RedisSessions } from './redis-sessions.js';

/** What instances share over Redis, where the settings name one: broker and sessions on one connection. */
export function shareOverRedis(
  { redisUrl, presenceTtlMs, options }: Settings,
  write: ((event: Readonly<Record<string, unknown>>) => void) | undefined,
): { readonly broker: BrokerFactory; readonly sessions?: SessionStore } | null {
  if (redisUrl === null) return null;
  const log = write
    ? {
        log: (event: Readonly<Record<string, unknown>>) =>
          write({ ...event, timestamp: timestamp(Date.now()) }),
      }
    : {};
  const link = new RedisLink({ url: redisUrl, ...log });
  return {
    broker: overRedis(link, { presenceTtlMs, ...log }),
    ...(options.sessions ? { sessions: new RedisSessions(link, options.sessions) } : {}),
  };
}
