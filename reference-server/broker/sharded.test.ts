import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock as now } from '../clock.js';
import { attach, chat, connection, describeContract } from '../fixtures/contract.js';
import { type RedisNodes, startRedisCluster } from '../fixtures/redis-cluster.js';
import { REDIS } from '../fixtures/redis-server.js';
import { overRedis } from './redis.js';
import { RedisLink } from './redis-link.js';

let cluster: RedisNodes | null = null;
let backends = 0;

describe.skipIf(!REDIS)('over the nodes of a Redis cluster', () => {
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

  const eventually = (look: () => void | Promise<void>) =>
    vi.waitFor(look, { timeout: 40_000, interval: 50 });

  it('goes on where a node is lost, and serves its rooms again when it is back', async () => {
    const start = (name: string) =>
      attach((instance, listener, bounds, parts) => {
        const link = new RedisLink({ url: cluster?.url ?? '', deadlineMs: 1_000 });
        const make = overRedis(link, { prefix: 'node-lost:', presenceTtlMs: 3_000 });
        return make(instance, listener, bounds, parts);
      }, name);
    const [a, b] = [await start('a'), await start('b')];
    const rooms = Array.from({ length: 24 }, (_, i) => `room-${i}`);
    for (const room of rooms) {
      await a.broker.join(room, connection('ann'), null, now());
      await b.broker.join(room, connection('bob'), null, now());
    }
    const said = async (text: string) => {
      const replies = await Promise.allSettled(
        rooms.map((room) => a.broker.publish(chat(room, 'ann', text))),
      );
      return rooms.filter((_, i) => replies[i]?.status === 'fulfilled');
    };
    const heard = (text: string) =>
      b.items.filter(({ message }) => message.data['text'] === text).map(({ room }) => room);
    expect(await said('before')).toEqual(rooms);
    await eventually(() => expect(heard('before').sort()).toEqual([...rooms].sort()));
    const [node] = cluster?.nodes ?? [];
    await node?.kill();
    const during = await said('during');
    expect(during.length).toBeLessThan(rooms.length);
    await node?.start();
    await eventually(async () => expect(await said('after')).toEqual(rooms));
    await eventually(() => expect([...new Set(heard('after'))].sort()).toEqual([...rooms].sort()));
    await eventually(() => {
      const renewed = b.items
        .filter(({ message: { type } }) => type === 'gap')
        .map(({ room }) => room);
      const told = new Set([...renewed, ...heard('during')]);
      expect(during.filter((room) => !told.has(room))).toEqual([]);
    });
    await a.broker.close();
    await b.broker.close();
  });
});
