import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { aloneInMemory, type BrokerFactory } from './core.js';
import { Client, connect, mint, type Started, start } from './fixtures/client.js';
import { slowBroker } from './fixtures/slow.js';
import { MemorySessions, type Session, sessionKey } from './sessions.js';

let started: Started[] = [];

async function run(options: Parameters<typeof start>[0] = {}) {
  const one = await start(options);
  started.push(one);
  return one;
}

afterEach(async () => {
  await Promise.all(started.map(({ server }) => server.stop()));
  started = [];
});

/** A broker that speaks while it is being made, as one over a network may. */
const hasty: BrokerFactory = (instance, listener, bounds, parts) => {
  listener.revoked('a session');
  listener.broadcast({ type: 'broadcast', timestamp: '', data: { text: 'early' } });
  listener.direct('ann', { type: 'direct', timestamp: '', data: { text: 'early' } });
  return aloneInMemory(instance, listener, bounds, parts);
};

/** Holds up whoever passes until it is opened. */
class Gate {
  #arrive: () => void = () => undefined;
  #open: () => void = () => undefined;
  readonly reached = new Promise<void>((resolve) => {
    this.#arrive = resolve;
  });
  readonly #opened = new Promise<void>((resolve) => {
    this.#open = resolve;
  });

  pass(): Promise<void> {
    this.#arrive();
    return this.#opened;
  }

  open(): void {
    this.#open();
  }
}

const stats = async (port: number) =>
  (await (await fetch(`http://127.0.0.1:${port}/stats`)).json()) as { active_connections: number };

const ORIGIN = { origin: 'https://app.test' };

describe('the opening handshake', () => {
  it.each<[string, string, Record<string, string>, number, string]>([
    ['no credentials', '', {}, 4001, 'token_missing'],
    ['an empty token', '?token=', {}, 4001, 'token_invalid'],
    ['two tokens', `?token=${mint('a')}&token=${mint('a')}`, {}, 4001, 'credentials_conflict'],
    [
      'a token in query and header',
      `?token=${mint('a')}`,
      { authorization: `Bearer ${mint('a')}` },
      4001,
      'credentials_conflict',
    ],
    ['an expired token', `?token=${mint('a', { exp: 1 })}`, {}, 4001, 'token_expired'],
    ['a foreign origin', `?token=${mint('a')}`, { origin: 'https://app.test.evil' }, 403, 'http'],
    ['an origin with a path', '', { origin: 'https://app.test/' }, 403, 'http'],
    ['an origin as userinfo', '', { origin: 'https://app.test@evil.test' }, 403, 'http'],
    ['the default port', '', { origin: 'https://app.test:443' }, 4001, 'token_missing'],
    ['another port', '', { origin: 'https://app.test:444' }, 403, 'http'],
    ['a null origin', '', { origin: 'null' }, 403, 'http'],
    ['a cookie without an origin', '', { cookie: 'session_token=s' }, 403, 'http'],
    ['an unknown session', '', { ...ORIGIN, cookie: 'session_token=x' }, 4003, 'session_invalid'],
    [
      'two sessions',
      '',
      { ...ORIGIN, cookie: 'session_token=s; session_token=x' },
      4003,
      'session_ambiguous',
    ],
    [
      'a bad token beside a session',
      '?token=x',
      { ...ORIGIN, cookie: 'session_token=s' },
      4001,
      'token_invalid',
    ],
    ['no session', '', { ...ORIGIN, cookie: 'Session_Token=s' }, 4001, 'token_missing'],
  ])('refuses %s', async (_what, query, headers, code, reason) => {
    const store = new MemorySessions();
    store.create(sessionKey('s'), { user: 'ann', expiresAt: null, revoked: false });
    const { port } = await run({ sessions: store });
    const client = new Client(port, query, headers);
    expect(await client.ended).toEqual({ code, reason });
    expect(client.received).toEqual([]);
  });

  it.each<[string, string[], string, number]>([
    ['parlor.v1', ['parlor.v1'], 'parlor.v1', 1005],
    ['parlor.v1 among others', ['x', 'parlor.unsupported', 'parlor.v1'], 'parlor.v1', 1005],
    ['nothing', [], '', 1005],
    ['the sentinel', ['x', 'parlor.unsupported'], 'parlor.unsupported', 4002],
  ])('selects when it is offered %s', async (_what, offers, selected, code) => {
    const { port } = await run();
    const ws = new WebSocket(`ws://127.0.0.1:${port}/ws?token=${mint('ann')}`, offers);
    ws.once('message', () => ws.close());
    await once(ws, 'open');
    expect(ws.protocol).toBe(selected);
    expect((await once(ws, 'close'))[0]).toBe(code);
  });

  it('takes a token from the header in any case, and what was sent before the welcome', async () => {
    const { port } = await run();
    const client = new Client(port, '?x=1', { authorization: `bEARER ${mint('ann')}` });
    await once(client.ws, 'open');
    client.send({ type: 'ping', id: '1' });
    client.send({ type: 'ping', id: '2' });
    await client.until(({ ref }) => ref === '2');
    expect(client.received.map(({ type, ref }) => ref ?? type)).toEqual(['welcome', '1', '2']);
  });

  it('answers what asks for no upgrade', async () => {
    const { port } = await run();
    const status = async (path: string, method = 'GET') =>
      (await fetch(`http://127.0.0.1:${port}${path}`, { method })).status;
    expect(await status('/ws')).toBe(426);
    expect(await status('/')).toBe(404);
    expect(await status('/stats', 'POST')).toBe(405);
    expect(await status('/metrics')).toBe(200);
  });
});

describe('first-message authentication', () => {
  it('welcomes, then acks', async () => {
    const { port } = await run();
    const client = new Client(port, '?auth=message');
    await once(client.ws, 'open');
    client.send({ type: 'auth', id: '1', data: { token: mint('ann') } });
    client.send({ type: 'ping', id: '2' });
    await client.until(({ ref }) => ref === '2');
    expect(client.received.map(({ type, ref }) => ref ?? type)).toEqual(['welcome', '1', '2']);
  });

  it('ends in silence, or with anything else', async () => {
    const { port } = await run({ authTimeoutMs: 50 });
    const silent = new Client(port, '?auth=message');
    expect(await silent.ended).toEqual({ code: 4001, reason: 'auth_timeout' });
    const hasty = new Client(port, '?auth=message');
    await once(hasty.ws, 'open');
    hasty.send({ type: 'ping' });
    expect(await hasty.ended).toEqual({ code: 4001, reason: 'auth_required' });
    const both = new Client(port, `?auth=message&token=${mint('ann')}`);
    expect(await both.ended).toEqual({ code: 4001, reason: 'credentials_conflict' });
  });
});

describe('an open connection', () => {
  it('ends with its token, unless it was refreshed', async () => {
    const { port } = await run();
    const exp = Date.now() / 1_000 + 0.3;
    const [ann, bob] = [await connect(port, 'ann', { exp }), await connect(port, 'bob', { exp })];
    const token = mint('bob', { rooms: ['den'] });
    await bob.request({ type: 'join', id: '1', room: 'attic' });
    const ack = await bob.request({ type: 'auth', id: '2', data: { token } });
    expect(ack).toMatchObject({ type: 'ack', data: { expires_at: expect.any(String) } });
    expect(await bob.until(({ type }) => type === 'leave')).toMatchObject({
      room: 'attic',
      data: { user: 'bob', reason: 'unauthorized' },
    });
    expect(await ann.ended).toEqual({ code: 4001, reason: 'token_expired' });
    expect(ann.received.map(({ type }) => type)).toEqual(['welcome', 'auth_expiring']);
    const bad = await bob.request({ type: 'auth', id: '3', data: { token: 'x' } });
    expect(bad).toMatchObject({ data: { code: 'auth_failed' } });
    bob.send({ type: 'auth', data: { token: mint('eve') } });
    expect(await bob.ended).toEqual({ code: 4001, reason: 'subject_changed' });
  });

  it('ends with its session, and no other does', async () => {
    const store = new MemorySessions();
    for (const value of ['s1', 's2'])
      store.create(sessionKey(value), { user: 'ann', expiresAt: null, revoked: false });
    const { server, port } = await run({ sessions: store });
    const session = (value: string) =>
      new Client(port, '', { ...ORIGIN, cookie: `a=b; session_token=${value}` });
    const [one, two] = [session('s1'), session('s2')];
    await one.until(({ type }) => type === 'welcome');
    await two.until(({ type }) => type === 'welcome');
    expect(await server.revokeSession('s1')).toBe(true);
    expect(await one.ended).toEqual({ code: 4003, reason: 'session_revoked' });
    expect(await two.request({ type: 'ping', id: '1' })).toMatchObject({ type: 'pong' });
    expect(await session('s1').ended).toEqual({ code: 4003, reason: 'session_revoked' });
  });

  it.each(['store', 'broker'] as const)(
    'is not welcomed by a session that is revoked while the %s is being asked',
    async (slow) => {
      const gate = new Gate();
      const store = new MemorySessions();
      store.create(sessionKey('s'), { user: 'ann', expiresAt: null, revoked: false });
      const found = async (key: string) => {
        const session = store.find(key);
        await gate.pass();
        return session;
      };
      const sessions = {
        find: slow === 'store' ? found : (key: string) => store.find(key),
        create: (key: string, session: Session) => store.create(key, session),
        revoke: (key: string) => store.revoke(key),
      };
      const entering: BrokerFactory = async (...given) => {
        const right = await aloneInMemory(...given);
        return {
          ...right,
          enter: async (...entered) => {
            await gate.pass();
            return right.enter(...entered);
          },
        };
      };
      const { server, port } = await run({
        sessions,
        ...(slow === 'broker' && { broker: entering }),
      });
      const ann = new Client(port, '', { ...ORIGIN, cookie: 'session_token=s' });
      await gate.reached;
      expect(await server.revokeSession('s')).toBe(true);
      gate.open();
      expect(await ann.ended).toEqual({ code: 4003, reason: 'session_revoked' });
      expect(ann.received).toEqual([]);
      const { active_connections: active } = await stats(port);
      expect(active).toBe(0);
    },
  );

  it('is served by a server whose broker spoke before it stood', async () => {
    const { port } = await run({ broker: hasty });
    const ann = await connect(port, 'ann');
    expect(await ann.request({ type: 'ping', id: '1' })).toMatchObject({ type: 'pong', ref: '1' });
    expect(ann.received.filter(({ type }) => type !== 'welcome' && type !== 'pong')).toEqual([]);
  });

  it('is closed for a message too long, and for one that is not UTF-8', async () => {
    const limits = { max_message_bytes: 2_048, max_text_bytes: 1_024 };
    const { port } = await run({ limits });
    const [ann, bob] = [await connect(port, 'ann'), await connect(port, 'bob')];
    const padded = (length: number) => JSON.stringify({ type: 'ping', id: '1' }).padEnd(length);
    ann.send(padded(2_048));
    await ann.until(({ ref }) => ref === '1');
    ann.send(padded(2_049));
    expect((await ann.ended).code).toBe(1009);
    bob.ws.send(Buffer.from([0xff]), { binary: false });
    expect((await bob.ended).code).toBe(1007);
  });

  it('gets its replies before its own Close frame is answered', async () => {
    const { port } = await run();
    const ann = await connect(port, 'ann');
    ann.send({ type: 'ping', id: '1' });
    ann.ws.close(1000);
    await ann.ended;
    expect(ann.received.at(-1)).toMatchObject({ type: 'pong', ref: '1' });
  });

  it('is dropped when its peer falls silent, and kept while it answers', async () => {
    const { port } = await run({ heartbeat: { interval_ms: 100, timeout_ms: 60 } });
    const [ann, bob] = [await connect(port, 'ann'), await connect(port, 'bob')];
    for (const client of [ann, bob]) await client.request({ type: 'join', id: '1', room: 'den' });
    (bob.ws as unknown as { _autoPong: boolean })._autoPong = false;
    expect(await bob.ended).toEqual({ code: 4201, reason: 'heartbeat_timeout' });
    await ann.until(({ type }) => type === 'leave');
    expect(await ann.request({ type: 'ping', id: '2' })).toMatchObject({ type: 'pong' });
  });

  it('is closed when it does not read, and the others hear everything', async () => {
    const { port } = await run({
      limits: { max_queue_bytes: 66_560 },
      rates: [],
    });
    const ann = await connect(port, 'ann');
    const bob = await connect(port, 'bob');
    for (const client of [ann, bob]) await client.request({ type: 'join', id: '1', room: 'den' });
    bob.ws.pause();
    const text = 'x'.repeat(4_000);
    let sent = 0;
    // Kernel buffers swallow megabytes first.
    while (!ann.received.some(({ type }) => type === 'leave')) {
      for (let turn = 0; turn < 100; turn += 1)
        ann.send({ type: 'chat', room: 'den', data: { text } });
      sent += 100;
      await ann.request({ type: 'ping', id: `p${sent}` });
      expect(sent).toBeLessThan(20_000);
    }
    const seqs = ann.received.flatMap(({ type, seq }) => (type === 'chat' ? [seq] : []));
    expect(seqs).toEqual(seqs.map((_, at) => at + 1));
    bob.ws.terminate();
  });
});

describe('a replay', () => {
  it.each([false, true])('may be longer than the queue (deflate: %s)', async (deflate) => {
    const limits = { max_queue_bytes: 66_560, max_message_bytes: 65_536 };
    const resume = { max_events: 200 };
    const { port } = await run({ limits, rates: [], resume, deflate });
    const ann = await connect(port, 'ann');
    const joined = await ann.request({ type: 'join', id: '1', room: 'den' });
    const { epoch } = joined['data'] as { epoch: string };
    const meta = { pad: Array.from({ length: 1_500 }, (_, n) => `${n * 7_919}`) };
    for (let turn = 1; turn <= 200; turn += 1)
      await ann.request({ type: 'chat', id: `${turn}`, room: 'den', data: { text: 'x', meta } });
    const bob = await connect(port, 'bob', {}, deflate);
    await bob.request({ type: 'join', id: 'j', room: 'den', data: { since: { epoch, seq: 0 } } });
    const live = await ann.request({ type: 'chat', id: 'l', room: 'den', data: { text: 'live' } });
    expect(live).toMatchObject({ type: 'ack' });
    await bob.until(({ seq }) => seq === 201);
    const chats = bob.received.filter(({ type }) => type === 'chat');
    expect(chats.map(({ seq }) => seq)).toEqual(Array.from({ length: 201 }, (_, n) => n + 1));
    const marks = chats.map(({ data }) => (data as { replay?: true }).replay ?? false);
    expect(marks).toEqual([...Array(200).fill(true), false]);
    expect(await bob.request({ type: 'ping', id: 'p' })).toMatchObject({ type: 'pong' });
  });
});

describe('the gathering of frames', () => {
  it.each([
    ['plainly', false, {}],
    ['under deflate', true, {}],
    ['with a slow broker', false, { broker: slowBroker(2, 1) }],
  ])('keeps every order %s', async (_how, deflate, broker) => {
    const { port } = await run({ rates: [], deflate, ...broker });
    const clients = await Promise.all(
      Array.from({ length: 12 }, (_, n) => connect(port, `user-${n % 9}`, {}, deflate)),
    );
    const rooms = ['a', 'b', 'c'];
    for (const [n, client] of clients.entries()) {
      for (const room of rooms) client.send({ type: 'join', id: `join-${room}`, room });
      for (let turn = 0; turn < 40; turn += 1) {
        const room = rooms[(turn + n) % 3] ?? 'a';
        client.send({ type: 'chat', id: `${n}-${turn}`, room, data: { text: `${n} ${turn}` } });
        if (turn % 7 === 0) client.send({ type: 'ping', id: `ping-${turn}` });
        if (turn % 13 === 0) client.send({ type: 'typing', room, data: { active: true } });
      }
      client.send({ type: 'leave', id: 'left', room: 'c' });
    }
    await Promise.all(clients.map((client) => client.until(({ ref }) => ref === 'left')));
    for (const client of clients) await client.request({ type: 'ping', id: 'done' });
    for (const [n, { received }] of clients.entries()) {
      for (const room of rooms) {
        const joined = received.findIndex(({ ref }) => ref === `join-${room}`);
        const first = received.findIndex((it) => it['room'] === room);
        expect(first).toBe(joined);
        const { seq } = (received[joined] as { data: { seq: number } }).data;
        const seqs = received.flatMap((it) =>
          it['type'] === 'chat' && it['room'] === room ? [it['seq'] as number] : [],
        );
        expect(seqs).toEqual(seqs.map((_, at) => seq + 1 + at));
      }
      const left = received.findIndex(({ ref }) => ref === 'left');
      expect(received.slice(left + 1).filter(({ room }) => room === 'c')).toEqual([]);
      const own = received.flatMap(({ type, ref }) =>
        type === 'ack' && /^\d+-\d+$/.test(String(ref)) ? [ref] : [],
      );
      expect(own).toEqual(Array.from({ length: 40 }, (_, turn) => `${n}-${turn}`));
    }
  });
});

describe('a drain', () => {
  it('tells, closes and ends, also with a peer that does not answer', async () => {
    const { server, port } = await run({ graceMs: 50 });
    const ann = await connect(port, 'ann');
    const mute = connectTcp(port, '127.0.0.1');
    mute.write(
      `GET /ws?token=${mint('bob')} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    await once(mute, 'data');
    mute.on('error', () => undefined);
    const drained = server.drain('restart');
    const notice = await ann.until(({ type }) => type === 'server_shutdown');
    const { retry_after_ms } = notice['data'] as { retry_after_ms: number };
    expect(await new Client(port, `?token=${mint('eve')}`).ended).toMatchObject({ code: 503 });
    const health = await fetch(`http://127.0.0.1:${port}/health/websocket`);
    expect([health.status, ((await health.json()) as { status: string }).status]).toEqual([
      503,
      'draining',
    ]);
    expect(await ann.ended).toEqual({
      code: 1012,
      reason: `server_restart;retry_after_ms=${retry_after_ms}`,
    });
    await drained;
    await expect(fetch(`http://127.0.0.1:${port}/stats`)).rejects.toThrow();
  });
});
