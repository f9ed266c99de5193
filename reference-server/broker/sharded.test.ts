import { afterAll, beforeAll } from 'vitest';
import { describeContract } from '../fixtures/contract.js';
import { type RedisNodes, startRedisCluster } from '../fixtures/redis-cluster.js';
import { overRedis } from './redis.js';
import { RedisLink } from './redis-link.js';

let cluster: RedisNodes | null = null;
let backends = 0;

beforeAll(async () => {
  cluster = await startRedisCluster();
});

afterAll(async () => {
  await cluster?.stop();
});

describeContract('redis cluster', () => {
  backends += 1;
  const prefix = `test-${backends}:`;
  return {
    make: (instance, listener, bounds, parts) => {
      const link = new RedisLink({ url: cluster?.url ?? '' });
      return overRedis(link, { prefix })(instance, listener, bounds, parts);
    },
  };
});
