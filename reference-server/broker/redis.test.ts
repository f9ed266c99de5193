import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock as now } from '../clock.js';
import { attach, chat, connection, heard, type Instance } from '../fixtures/contract.js';
import { REDIS, type RedisServer, startRedis } from '../fixtures/redis-server.js';
import { MemorySessions } from '../sessions.js';
import { BackendUnavailable, type Item } from './broker.js';
import { overRedis } from './redis.js';
import { RedisLink } from './redis-link.js';
import { RedisSessions } from './redis-sessions.js';

const TTL_MS = 1_200;
const DEADLINE_MS = 500;

let redis: RedisServer;
let admin: Redis;
let prefix = '';
let count = 0;
const open: { instance: Instance; link: RedisLink }[] = [];

const overRedisServer = describe.skipIf(!REDIS);

beforeAll(async () => {
  redis = await startRedis();
  admin = new Redis(redis.url, { maxRetriesPerRequest: 0, retryStrategy: () => 50 });
  admin.on('error', () => {
    // It is killed on purpose; what is asked of it then says so itself.
  });
});

afterAll(async () => {
  admin.disconnect();
  await redis.stop();
});

afterEach(async () => {
  await Promise.all(open.splice(0).map(({ instance }) => instance.broker.close()));
});

/** An instance over the server of this file, apart from those of other tests. */
async function start(name: string, events = 200) {
  const link = new RedisLink({ url: redis.url, deadlineMs: DEADLINE_MS });
  const make = overRedis(link, { prefix, presenceTtlMs: TTL_MS });
  const resume = { window_ms: 60_000, max_events: events };
  const bounds = { mostListed: 1_000, resume, dedupWindowMs: 60_000 };
  const instance = await attach(make, name, bounds);
  open.push({ instance, link });
  return { instance, link };
}

async function pair(events?: number) {
  count += 1;
  prefix = `test-${count}:`;
  const [a, b] = [await start('a', events), await start('b', events)];
  return { a: a.instance, b: b.instance, linkA: a.link, linkB: b.link };
}

const eventually = (look: () => void | Promise<void>) =>
  vi.waitFor(look, { timeout: 20_000, interval: 10 });

const up = (...links: RedisLink[]) =>
  eventually(() => expect(links.map(({ state }) => state)).toEqual(links.map(() => 'up')));

const gaps = (items: readonly Item[]) =>
  items.filter(({ message }) => message.type === 'gap').map(({ message }) => message.data);

const [ann, bob, eve] = ['ann', 'bob', 'eve'].map((user) => connection(user)) as [
  ReturnType<typeof connection>,
  ReturnType<typeof connection>,
  ReturnType<typeof connection>,
];

overRedisServer('a Redis that is killed and comes back without what it knew', () => {
  it('is refused at once, then served again, with a new epoch that members are told of', async () => {
    const { a, b, linkA, linkB } = await pair();
    const before = await a.broker.join('room', ann, null, now());
    await b.broker.join('room', bob, null, now());
    await a.broker.publish(chat('room', 'ann', 'one'));
    await redis.kill();
    await eventually(() => expect(a.broker.healthy()).toBe(false));
    const asked = performance.now();
    await expect(a.broker.publish(chat('room', 'ann', 'lost'))).rejects.toThrow(BackendUnavailable);
    await expect(a.broker.recall('ann', 'x', now())).rejects.toThrow(BackendUnavailable);
    await expect(a.broker.enter(eve, 3, now())).rejects.toThrow(BackendUnavailable);
    expect(performance.now() - asked).toBeLessThan(DEADLINE_MS);
    await redis.start();
    await up(linkA, linkB);
    await eventually(() => expect([gaps(a.items).length, gaps(b.items).length]).toEqual([1, 1]));
    const [gap] = gaps(a.items);
    expect(gap).toMatchObject({ from_seq: 1, to_seq: null });
    expect(gap?.['epoch']).not.toBe(before.epoch);
    expect(gaps(b.items)).toEqual(gaps(a.items));
    await b.broker.publish(chat('room', 'bob', 'two'));
    for (const { items } of [a, b]) {
      await eventually(() => expect(items.at(-1)?.message.data['text']).toBe('two'));
      expect(items.at(-1)?.message.seq).toBe(1);
      const revs = items.map(({ rev }) => rev);
      expect(revs).toEqual([...revs].sort((x, y) => x - y));
      expect(items.at(-1)?.rev).toBeGreaterThan(before.rev);
    }
  });

  it('is told again who is where, and nobody is told twice', async () => {
    const { a, b, linkA, linkB } = await pair();
    await a.broker.enter(ann, 1, now());
    const joined = await a.broker.join('room', ann, null, now());
    await b.broker.join('room', bob, null, now());
    await eventually(() => expect(heard(a, 'room', joined)).toContain('join bob'));
    await redis.kill();
    await redis.start();
    await up(linkA, linkB);
    await eventually(async () => {
      expect([...(await a.broker.members('room')).members].sort()).toEqual(['ann', 'bob']);
    });
    expect(await b.broker.enter(connection('ann', 2), 1, now())).toBe(false);
    await a.broker.publish(chat('room', 'ann', 'marker'));
    await eventually(() => expect(heard(a, 'room', joined)).toContain('chat marker'));
    expect(heard(a, 'room', joined)).toEqual(['join bob', 'gap', 'chat marker']);
  });

  it('tells of those who left while it was away, once the others had time to say who stays', async () => {
    const { a, b, linkA, linkB } = await pair();
    const joined = await a.broker.join('room', ann, null, now());
    await b.broker.join('room', bob, null, now());
    await b.broker.join('room', eve, null, now());
    await eventually(() => expect(heard(a, 'room', joined)).toContain('join eve'));
    await redis.kill();
    await b.broker.exit(eve, [{ room: 'room', farewell: null }], 'disconnected', now());
    await redis.start();
    await up(linkA, linkB);
    await eventually(() => expect(heard(a, 'room', joined)).toContain('leave eve'));
    expect(heard(a, 'room', joined).filter((it) => it.startsWith('leave'))).toEqual(['leave eve']);
    expect([...(await a.broker.members('room')).members].sort()).toEqual(['ann', 'bob']);
  });
});

overRedisServer('a Redis that stands still', () => {
  it('is given up after the deadline, and nothing comes twice when it goes on', async () => {
    const { a, b, linkA, linkB } = await pair();
    const joined = await b.broker.join('room', bob, null, now());
    await a.broker.join('room', ann, null, now());
    redis.pause();
    try {
      const late = a.broker.publish(chat('room', 'ann', 'late'));
      await expect(late).rejects.toThrow(BackendUnavailable);
      await expect(a.broker.publish(chat('room', 'ann', 'never'))).rejects.toThrow('no connection');
      await expect(a.broker.join('other', eve, null, now())).rejects.toThrow(BackendUnavailable);
    } finally {
      redis.resume();
    }
    await up(linkA, linkB);
    await a.broker.publish(chat('room', 'ann', 'after'));
    await eventually(() => expect(heard(b, 'room', joined)).toContain('chat after'));
    expect(heard(b, 'room', joined)).toEqual(['join ann', 'chat late', 'chat after']);
    expect((await b.broker.members('other')).members).toEqual([]);
  });

  it('takes nobody in whose join was given up', async () => {
    const { a, b, linkA, linkB } = await pair();
    await b.broker.join('room', bob, null, now());
    redis.pause();
    const join = a.broker.join('room', ann, null, now());
    await expect(join).rejects.toThrow(BackendUnavailable);
    redis.resume();
    await up(linkA, linkB);
    await eventually(async () => {
      expect((await b.broker.members('room')).members).toEqual(['bob']);
    });
    expect(await b.broker.enter(ann, 1, now())).toBe(true);
  });
});

overRedisServer('a handshake that nobody answers', () => {
  it('is given up, and another one is tried', async () => {
    let connections = 0;
    const door = createServer((near) => {
      connections += 1;
      if (connections === 1) return;
      const far = connect(Number(new URL(redis.url).port), '127.0.0.1');
      near.pipe(far).pipe(near);
      for (const socket of [near, far]) socket.on('error', () => far.destroy());
    });
    door.listen(0, '127.0.0.1');
    await once(door, 'listening');
    const { port } = door.address() as AddressInfo;
    const link = new RedisLink({ url: `redis://127.0.0.1:${port}`, deadlineMs: 100 });
    try {
      await link.open({ settle: async () => {}, lost: () => {}, push: () => {} }, 0);
      await up(link);
      expect(connections).toBe(2);
    } finally {
      link.close();
      door.close();
    }
  });
});

overRedisServer('a link that is cut', () => {
  /** Ends the connection of one instance, and runs something before it is back. */
  async function without(link: RedisLink, meanwhile: () => Promise<void>) {
    const id = Number(await link.upkeep.call('CLIENT', 'ID'));
    await admin.client('KILL', 'ID', id);
    await eventually(() => expect(link.state).not.toBe('up'));
    await meanwhile();
    await up(link);
  }

  it('is made good from the log: every message, in order, once', async () => {
    const { a, b, linkB } = await pair();
    const joined = await b.broker.join('room', bob, null, now());
    await a.broker.join('room', ann, null, now());
    for (let round = 0; round < 5; round += 1)
      await without(linkB, async () => {
        for (let i = 0; i < 20; i += 1)
          await a.broker.publish(chat('room', 'ann', `${round}.${i}`));
      });
    await eventually(() => expect(b.items.at(-1)?.message.seq).toBe(100));
    const seqs = b.items.flatMap(({ message: { seq } }) => (seq === undefined ? [] : [seq]));
    expect(seqs).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    expect(heard(b, 'room', joined)[0]).toBe('join ann');
    expect(gaps(b.items)).toEqual([]);
  });

  it('leaves a gap where the log no longer reaches back, and before what follows', async () => {
    const { a, b, linkB } = await pair(3);
    await b.broker.join('room', bob, null, now());
    await a.broker.join('room', ann, null, now());
    await a.broker.publish(chat('room', 'ann', 'one'));
    await eventually(() => expect(b.items.at(-1)?.message.seq).toBe(1));
    await without(linkB, async () => {
      for (let i = 0; i < 30; i += 1) await a.broker.publish(chat('room', 'ann', `lost ${i}`));
    });
    await a.broker.publish(chat('room', 'ann', 'end'));
    await eventually(() => expect(b.items.at(-1)?.message.seq).toBe(32));
    const told = b.items.filter(({ message: { type } }) => type === 'gap' || type === 'chat');
    let last = 0;
    for (const { message } of told) {
      if (message.type === 'gap') {
        expect(message.data['from_seq']).toBe(last + 1);
        last = Number(message.data['to_seq']);
      } else {
        expect(message.seq).toBe(last + 1);
        last = message.seq ?? 0;
      }
    }
    expect(last).toBe(32);
    expect(gaps(b.items).length).toBeGreaterThan(0);
  });

  it('misses no coming and going, no direct message and no revocation', async () => {
    const { a, b, linkB } = await pair();
    const joined = await b.broker.join('room', bob, null, now());
    await b.broker.enter(bob, 9, now());
    await without(linkB, async () => {
      await a.broker.join('room', ann, null, now());
      await a.broker.join('room', eve, null, now());
      await a.broker.leave({ room: 'room', farewell: null }, eve, 'left', now());
      await a.broker.direct('bob', { type: 'direct', id: 'd', timestamp: '', data: {} });
      await a.broker.revoke('session');
    });
    await eventually(() =>
      expect(heard(b, 'room', joined)).toEqual(['join ann', 'join eve', 'leave eve']),
    );
    expect(b.items.at(-1)?.message.data['reason']).toBe('left');
    expect([b.directs.length, b.revoked]).toEqual([1, ['session']]);
  });
});

overRedisServer('an instance that ends without a word', () => {
  it('is cleared away by the others: one leave each, and seats that are free again', async () => {
    const { a, b, linkA } = await pair();
    const { instance: c } = await start('c');
    const joined = await b.broker.join('room', bob, null, now());
    await c.broker.join('room', eve, null, now());
    await a.broker.enter(ann, 1, now());
    await a.broker.join('room', ann, null, now());
    await a.broker.join('room', connection('ann', 2), null, now());
    await a.broker.join('room', connection('eve', 2), null, now());
    expect(await b.broker.enter(connection('ann', 3), 1, now())).toBe(false);
    linkA.close();
    await eventually(() => expect(heard(b, 'room', joined)).toContain('leave ann'));
    await eventually(async () => {
      expect(await b.broker.enter(connection('ann', 3), 1, now())).toBe(true);
    });
    expect([...(await b.broker.members('room')).members].sort()).toEqual(['bob', 'eve']);
    expect(heard(b, 'room', joined)).toEqual(['join eve', 'join ann', 'leave ann']);
    expect(b.items.at(-1)?.message.data['reason']).toBe('disconnected');
    expect(await b.broker.direct('nobody', { type: 'direct', timestamp: '', data: {} })).toBe(
      false,
    );
  });

  it('that only seemed to end records itself anew, and the others are told', async () => {
    const { a, b } = await pair();
    const joined = await b.broker.join('room', bob, null, now());
    await a.broker.enter(ann, 1, now());
    await a.broker.join('room', ann, null, now());
    const leases = await admin.zrange(`${prefix}{leases}`, '0', '-1');
    const [lease = ''] = leases.filter((it) => it.startsWith('a:'));
    await admin.zrem(`${prefix}{leases}`, lease);
    await admin.sadd(`${prefix}{leases}:dead`, lease);
    await eventually(() => expect(heard(b, 'room', joined).slice(-1)).toEqual(['join ann']));
    await eventually(async () => {
      expect([...(await b.broker.members('room')).members].sort()).toEqual(['ann', 'bob']);
      expect(await admin.scard(`${prefix}{leases}:dead`)).toBe(0);
    });
    expect((await b.broker.members('room')).members).toContain('ann');
    expect(await b.broker.enter(connection('ann', 2), 1, now())).toBe(false);
  });

  it('that is closed in order leaves nothing behind', async () => {
    const { a, b } = await pair();
    await a.broker.enter(ann, 9, now());
    await a.broker.join('room', ann, null, now());
    await a.broker.exit(ann, [{ room: 'room', farewell: null }], 'disconnected', now());
    await a.broker.close();
    await b.broker.close();
    open.length = 0;
    const keys = await admin.keys(`${prefix}*`);
    const ttls = await Promise.all(keys.map((key) => admin.pttl(key)));
    expect(keys.filter((_, i) => ttls[i] === -1)).toEqual([]);
  });
});

overRedisServer('twins of a request, on two instances at once', () => {
  it('are carried out once, and a refused one does not keep its twin for long', async () => {
    const { a, b } = await pair();
    const once = { user: 'ann', id: 'd1', digest: 'same' };
    const attempt = async ({ broker }: Instance) => {
      const first = await broker.recall('ann', 'd1', now());
      if (first) return first.data;
      await broker.broadcast({ type: 'broadcast', timestamp: '', data: {} });
      await broker.remember(once, { id: 'first' }, now());
      return { id: 'first' };
    };
    expect(await Promise.all([attempt(a), attempt(b)])).toEqual([{ id: 'first' }, { id: 'first' }]);
    await a.broker.broadcast({ type: 'broadcast', timestamp: 'marker', data: {} });
    await eventually(() => expect(b.broadcasts.at(-1)?.timestamp).toBe('marker'));
    expect(b.broadcasts).toHaveLength(2);
    expect(await a.broker.recall('ann', 'refused', now())).toBeNull();
    expect(await b.broker.recall('ann', 'refused', now())).toBeNull();
  });

  it('are published once', async () => {
    const { a, b } = await pair();
    const joined = await a.broker.join('room', ann, null, now());
    const once = { user: 'ann', id: 'c1', digest: 'same' };
    const sent = await Promise.all(
      [a, b, a, b].map(({ broker }) => broker.publish(chat('room', 'ann', 'hello', once))),
    );
    expect(sent.filter((it) => !('digest' in it))).toHaveLength(1);
    await a.broker.publish(chat('room', 'ann', 'marker'));
    await eventually(() => expect(heard(a, 'room', joined)).toEqual(['chat hello', 'chat marker']));
  });
});

overRedisServer('sessions in Redis', () => {
  it('are found by every instance, end, and stay revoked', async () => {
    const { linkA, linkB } = await pair();
    const configured = new MemorySessions();
    configured.create('fixed', { user: 'eve', expiresAt: null, revoked: false });
    const [one, two] = [linkA, linkB].map((it) => new RedisSessions(it, configured, prefix));
    const session = { user: 'ann', expiresAt: Date.now() + 60_000, revoked: false, rooms: ['a'] };
    await one?.create('key', session);
    expect(await two?.find('key')).toEqual(session);
    expect(await two?.find('unknown')).toBeNull();
    expect(await two?.revoke('unknown')).toBe(false);
    expect(await two?.revoke('key')).toBe(true);
    expect(await one?.find('key')).toEqual({ ...session, revoked: true });
    expect(await two?.find('fixed')).toMatchObject({ user: 'eve', revoked: false });
    expect(await one?.revoke('fixed')).toBe(true);
    expect(await two?.find('fixed')).toMatchObject({ user: 'eve', revoked: true });
    linkA.close();
    await expect(one?.find('key')).rejects.toThrow(BackendUnavailable);
  });
});
