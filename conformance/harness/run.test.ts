import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { check } from './check.js';
import type { CheckEnd, RunEvent } from './events.js';
import { runConformance } from './run.js';
import type { Target } from './target.js';

const SECRET = 'a secret of at least thirty-two bytes';

/** What a tiny server does wrong, if anything. */
interface Manners {
  welcome?: boolean;
  leak?: boolean;
}

// Rooms, chat and ping in forty lines: enough of Parlor for the harness to hold on to.
async function tiny({ welcome = true, leak = false }: Manners = {}) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  const rooms = new Map<string, Map<WebSocket, string>>();
  const seqs = new Map<string, number>();
  const timestamp = () => new Date().toISOString();
  let ids = 0;
  server.on('connection', (socket, request) => {
    const user = verify(request);
    if (!user) return socket.close(4001, 'token_invalid');
    const send = (message: object) =>
      socket.send(JSON.stringify({ ...message, timestamp: timestamp() }));
    if (welcome) send({ type: 'welcome', data: welcomeData(user) });
    socket.on('message', (raw) => {
      const { type, id, room, data } = JSON.parse(String(raw));
      const reply = (message: object) =>
        id !== undefined && send({ ...message, ref: id, ...(room && { room }) });
      const members = rooms.get(room) ?? new Map<WebSocket, string>();
      if (type === 'ping') reply({ type: 'pong', data: data ?? {} });
      if (type === 'join') {
        rooms.set(room, members);
        const others = [...members].filter(([, each]) => each !== user);
        members.set(socket, user);
        const users = [...new Set(members.values())];
        reply({
          type: 'ack',
          data: { members: users, count: users.length, seq: seqs.get(room) ?? 0, epoch: 'e1' },
        });
        for (const [each] of others)
          each.send(JSON.stringify({ type: 'join', room, data: { user }, timestamp: timestamp() }));
      }
      if (type === 'chat') {
        const seq = (seqs.get(room) ?? 0) + 1;
        seqs.set(room, seq);
        ids += 1;
        const event = JSON.stringify({
          type,
          id: `e${ids}`,
          room,
          from: user,
          seq,
          data: { text: data.text },
          timestamp: timestamp(),
        });
        reply({ type: 'ack', data: { id: `e${ids}`, seq } });
        for (const each of leak ? server.clients : members.keys()) each.send(event);
      }
    });
    return undefined;
  });
  const { port } = server.address() as AddressInfo;
  const target: Target = {
    url: `ws://127.0.0.1:${port}/ws`,
    token: { algorithm: 'HS256', secret: SECRET },
  };
  return {
    target,
    async [Symbol.asyncDispose]() {
      for (const client of server.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function verify({ url }: IncomingMessage): string | undefined {
  const token = new URL(url ?? '', 'http://x').searchParams.get('token') ?? '';
  const [header, claims, signature] = token.split('.');
  const right = createHmac('sha256', SECRET).update(`${header}.${claims}`).digest('base64url');
  return signature === right
    ? JSON.parse(Buffer.from(claims ?? '', 'base64url').toString()).sub
    : undefined;
}

function welcomeData(user: string) {
  return {
    protocol: 'parlor.v1',
    server: { name: 'tiny', version: '1' },
    connection_id: `c${Math.random()}`,
    user,
    features: [],
    heartbeat: { interval_ms: 30_000, timeout_ms: 10_000 },
    auth: { method: 'token', expires_at: null },
    limits: {
      max_message_bytes: 65_536,
      max_text_bytes: 4_096,
      max_rooms: 50,
      max_connections_per_user: 10,
      max_protocol_errors: 20,
      protocol_error_window_ms: 60_000,
      max_queue_bytes: 1_048_576,
    },
    rates: [
      {
        bucket: 'messages',
        types: ['chat'],
        limit: 10,
        window_ms: 60_000,
        scope: 'user',
        close_after: 0,
      },
    ],
    typing_ttl_ms: 6_000,
  };
}

const leakCheck = check('rooms-no-leak-to-strangers', async ({ join, connect }) => {
  const [ann, bob] = await join('lounge', 'ann', 'bob');
  const eve = await connect('eve');
  await ann.chat('lounge', 'hello');
  await bob.receives('chat');
  await eve.hearsNothing();
});

async function run(target: Target, ...checks: Parameters<typeof runConformance>[1]['checks']) {
  const events: RunEvent[] = [];
  const end = await runConformance(target, { checks, report: (event) => void events.push(event) });
  const ends = events.filter((event): event is CheckEnd => event.event === 'check_end');
  return { end, events, ends };
}

describe('a run', () => {
  it('passes a server that keeps the rule', async () => {
    await using server = await tiny();
    const { end, ends } = await run(server.target, leakCheck);
    expect(ends.map(({ check: id, verdict, failure }) => [id, verdict, failure])).toEqual([
      ['rooms-no-leak-to-strangers', 'pass', undefined],
    ]);
    expect(end.exit_code).toBe(0);
  });

  it('tells what a server did that breaks it', async () => {
    await using server = await tiny({ leak: true });
    const { end, ends } = await run(server.target, leakCheck);
    expect(end.exit_code).toBe(1);
    expect(ends[0]?.failure?.expected).toEqual(['eve receives nothing']);
    expect(ends[0]?.failure?.actual).toMatch(/^eve received chat in lounge-/);
    expect(JSON.stringify(ends)).not.toMatch(/eyJ[A-Za-z0-9_-]{10}/);
  });

  it('names one root when nobody is welcomed', async () => {
    await using server = await tiny({ welcome: false });
    const welcomeCheck = check('handshake-welcome-first', async ({ open, mint }) => {
      const peer = await open({ token: mint('ann') });
      await peer.receives('welcome');
    });
    const again = { ...leakCheck, id: 'rooms-no-leak-to-strangers/again' };
    const { end, ends } = await run(server.target, leakCheck, again, welcomeCheck);
    expect(end.exit_code).toBe(1);
    expect(ends.map(({ failure }) => failure?.caused_by)).toEqual([
      'handshake-welcome-first',
      'handshake-welcome-first',
      undefined,
    ]);
  });
});
