import { afterEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { mint, SECRET } from '../fixtures/client.js';
import { REDIS, type RedisServer, startRedis } from '../fixtures/redis-server.js';
import { type Served, serve } from '../serve.js';

let redis: RedisServer | null = null;
const served: Served[] = [];
const sockets: WebSocket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await Promise.all(served.splice(0).map(({ server }) => server.stop()));
  await redis?.stop();
  redis = null;
});

async function start(url: string, instance: string): Promise<Served> {
  const one = await serve({
    PORT: '0',
    PARLOR_LOG: 'off',
    PARLOR_TOKEN_SECRET: SECRET,
    PARLOR_MESSAGES_LIMIT: '100',
    PARLOR_REDIS_URL: url,
    PARLOR_INSTANCE: instance,
    PARLOR_PRESENCE_TTL_MS: '5000',
    PARLOR_SESSIONS: 'a-session=ann',
    PARLOR_ALLOWED_ORIGINS: 'https://app.test',
  });
  served.push(one);
  return one;
}

interface Peer {
  readonly inbox: { type: string; data: Record<string, unknown>; [member: string]: unknown }[];
  readonly closed: { code: number; reason: string }[];
  send(message: object): void;
}

function connect({ url }: Served, user = 'ann', headers: Record<string, string> = {}): Peer {
  const token = mint(user, { scope: 'parlor:broadcast' });
  const query = headers['cookie'] === undefined ? `?token=${token}` : '';
  const socket = new WebSocket(`${url}${query}`, 'parlor.v1', { headers });
  sockets.push(socket);
  const peer = { inbox: [], closed: [] } as unknown as Peer;
  socket.on('message', (data) => peer.inbox.push(JSON.parse(String(data))));
  socket.on('close', (code, reason) => peer.closed.push({ code, reason: String(reason) }));
  return { ...peer, send: (message) => socket.send(JSON.stringify(message)) };
}

const eventually = (look: () => void | Promise<void>) =>
  vi.waitFor(look, { timeout: 20_000, interval: 20 });
const types = ({ inbox }: Peer) => inbox.map(({ type }) => type);
const health = async ({ url }: Served) =>
  (await fetch(new URL('/health/websocket', url.replace(/^ws/, 'http')))).status;

describe.skipIf(!REDIS)('servers that share a redis-server', () => {
  it('two servers over one Redis are one server', async () => {
    redis = await startRedis();
    const [a, b] = [await start(redis.url, 'a'), await start(redis.url, 'b')];
    const [ann, too] = [connect(a), connect(b)];
    await eventually(() => expect([types(ann), types(too)]).toEqual([['welcome'], ['welcome']]));
    expect(ann.inbox[0]?.data).toMatchObject({ instance: 'a', presence_ttl_ms: 5_000 });
    expect(too.inbox[0]?.data).toMatchObject({ instance: 'b', presence_ttl_ms: 5_000 });
    for (const peer of [ann, too]) peer.send({ type: 'join', id: 'j', room: 'lounge' });
    await eventually(() => expect([types(ann).length, types(too).length]).toEqual([2, 2]));
    ann.send({ type: 'chat', id: 'c', room: 'lounge', data: { text: 'hello' } });
    await eventually(() => expect(types(too)).toEqual(['welcome', 'ack', 'chat']));
    expect(too.inbox[2]).toMatchObject({ seq: 1, data: { text: 'hello' } });
  });

  it('a request that crosses its twin on another server is carried out once', {
    timeout: 60_000,
  }, async () => {
    redis = await startRedis();
    const [a, b] = [await start(redis.url, 'a'), await start(redis.url, 'b')];
    const twins = [connect(a), connect(b)];
    const bob = connect(b, 'bob');
    await eventually(() => expect([...twins, bob].map(types)).toEqual(Array(3).fill(['welcome'])));
    const acks = (id: string) =>
      twins.map(({ inbox }) => inbox.find(({ type, ref }) => type === 'ack' && ref === id)?.data);
    const texts = ['0', '1', '2', '3', '4'];
    for (const type of ['direct', 'broadcast']) {
      for (const text of texts) {
        const id = `${type}-${text}`;
        const data = type === 'direct' ? { to: 'bob', text } : { text };
        for (const twin of twins) twin.send({ type, id, data });
        await eventually(() => expect(acks(id)).not.toContain(undefined));
        const [one, other] = acks(id);
        expect(one?.['id']).toBe(other?.['id']);
        expect([one?.['duplicate'], other?.['duplicate']].filter(Boolean)).toEqual([true]);
      }
      // Whatever was published twice comes before this.
      const marker = { to: 'bob', text: 'marker' };
      for (const twin of twins) twin.send({ type: 'direct', id: `${type}-marker`, data: marker });
    }
    await eventually(() => expect(bob.inbox.at(-1)?.data['text']).toBe('marker'));
    const heard = bob.inbox.filter(({ type }) => type === 'direct' || type === 'broadcast');
    expect(heard.map(({ type, data }) => `${type} ${data['text']}`)).toEqual(
      ['direct', 'broadcast'].flatMap((type) => [
        ...texts.map((text) => `${type} ${text}`),
        'direct marker',
      ]),
    );
  });

  it('a session that is revoked on one server ends on the other', async () => {
    redis = await startRedis();
    const [a, b] = [await start(redis.url, 'a'), await start(redis.url, 'b')];
    const cookie = { cookie: 'session_token=a-session', origin: 'https://app.test' };
    const ann = connect(b, 'ann', cookie);
    await eventually(() => expect(types(ann)).toEqual(['welcome']));
    expect(await a.server.revokeSession('a-session')).toBe(true);
    await eventually(() => expect(ann.closed).toEqual([{ code: 4003, reason: 'session_revoked' }]));
    const again = connect(b, 'ann', cookie);
    await eventually(() =>
      expect(again.closed).toEqual([{ code: 4003, reason: 'session_revoked' }]),
    );
  });

  it('a server without its Redis says so, and serves when it is there', {
    timeout: 60_000,
  }, async () => {
    redis = await startRedis();
    await redis.kill();
    const a = await start(redis.url, 'a');
    expect(await health(a)).toBe(503);
    const early = connect(a);
    await eventually(() =>
      expect(early.closed).toEqual([{ code: 4103, reason: 'backend_unavailable' }]),
    );
    await redis.start();
    await eventually(async () => expect(await health(a)).toBe(200));
    const ann = connect(a);
    await eventually(() => expect(types(ann)).toEqual(['welcome']));
  });
});
