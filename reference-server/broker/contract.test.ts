import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeContract } from '../fixtures/contract.js';
import { REDIS, type RedisServer, startRedis } from '../fixtures/redis-server.js';
import { MemoryBroker } from './memory.js';
import { overRedis } from './redis.js';
import { RedisLink } from './redis-link.js';

let redis: RedisServer | null = null;
let backends = 0;

beforeAll(async () => {
  if (REDIS) redis = await startRedis();
});

afterAll(async () => {
  await redis?.stop();
});

describeContract('memory', () => {
  let shared: MemoryBroker | null = null;
  return {
    make: (_instance, listener, bounds, parts) => {
      shared ??= new MemoryBroker(parts, bounds);
      return shared.attach(listener);
    },
  };
});

describe.skipIf(!REDIS)('over a redis-server', () => {
  describeContract('redis', () => {
    backends += 1;
    const prefix = `test-${backends}:`;
    return {
      make: (instance, listener, bounds, parts) => {
        const link = new RedisLink({ url: redis?.url ?? '' });
        return overRedis(link, { prefix })(instance, listener, bounds, parts);
      },
    };
  });

  describe('redis', () => {
    it('was really there', () => {
      expect(redis).not.toBeNull();
    });
  });
});
