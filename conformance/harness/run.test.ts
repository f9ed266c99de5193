import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { check } from './check.js';
import type { Env } from './contract.js';
import type { CheckEnd, RunEvent } from './events.js';
import type { Peer } from './peer.js';
import type { Instance } from './process.js';
import { requirements } from './requirements.js';
import { type RunOptions, runConformance } from './run.js';
import type { Stage } from './stage.js';
import { Inconclusive, TargetError } from './verdict.js';

/** What a tiny server does wrong, if anything. */
interface Manners {
  welcome?: boolean;
  leak?: boolean;
  timestamp?: string;
  members?: unknown;
  /** How long it takes for each ping, one after the other, in milliseconds. */
  pingMs?: number;
  /** How many joins, and how many connections after the first three, find its store out of reach. */
  outage?: { joins?: number; connections?: number };
  /** How long it takes, one after the other, for each opening handshake of those it does not know from the beginning. */
  doorMs?: number;
  /** Sends an unannounced broadcast with each chat, as from this user; null: from whoever chats. */
  broadcaster?: string | null;
}

const running = new Set<Instance>();
afterEach(async () => {
  await Promise.all([...running].map((instance) => instance.stop()));
});

// Rooms, chat and ping: enough of Parlor for the harness to hold on to. A chat "die" ends it.
const tiny =
  ({
    welcome = true,
    leak = false,
    timestamp,
    members: listed,
    pingMs = 0,
    outage,
    broadcaster,
    doorMs = 0,
  }: Manners = {}) =>
  async (env: Env): Promise<Instance> => {
    let door = Promise.resolve();
    const server = new WebSocketServer({
      port: Number(env['PORT'] ?? 0),
      host: '127.0.0.1',
      verifyClient({ req }, answer) {
        const known = isRunner(verify(req, env['PARLOR_TOKEN_SECRET'] ?? ''));
        door = door.then(() => new Promise((resolve) => setTimeout(resolve, known ? 0 : doorMs)));
        void door.then(() => answer(true));
      },
    });
    await new Promise((resolve) => server.once('listening', resolve));
    const instance = asInstance(server);
    const rooms = new Map<string, Map<WebSocket, string>>();
    const now = () => timestamp ?? new Date().toISOString();
    const left = { joins: 0, connections: 0, ...outage };
    let seq = 0;
    server.on('connection', (socket, request) => {
      const user = verify(request, env['PARLOR_TOKEN_SECRET'] ?? '');
      if (!user) return socket.close(4001, 'token_invalid');
      if (!isRunner(user) && left.connections > 0) {
        left.connections -= 1;
        return socket.close(4103, 'backend_unavailable');
      }
      const send = (message: object) =>
        socket.send(JSON.stringify({ ...message, timestamp: now() }));
      if (welcome) send({ type: 'welcome', data: welcomeData(user, env) });
      let pinged = Promise.resolve();
      socket.on('message', (raw) => {
        const { type, id, room, data } = JSON.parse(String(raw));
        const reply = (message: object) =>
          id !== undefined && send({ ...message, ref: id, ...(room && { room }) });
        const members = rooms.get(room) ?? new Map<WebSocket, string>();
        const pong = () => reply({ type: 'pong', data: data ?? {} });
        if (type === 'ping' && pingMs === 0) pong();
        else if (type === 'ping')
          pinged = pinged.then(async () => {
            await new Promise((resolve) => setTimeout(resolve, pingMs));
            pong();
          });
        if (type === 'join' && left.joins > 0) {
          left.joins -= 1;
          const error = { code: 'backend_unavailable', message: 'Later.', retryable: true };
          reply({ type: 'error', data: { ...error, retry_after_ms: 10 } });
        } else if (type === 'join') {
          rooms.set(room, members.set(socket, user));
          const users = [...new Set(members.values())];
          const snapshot = { members: listed ?? users, count: users.length, seq, epoch: 'e1' };
          reply({ type: 'ack', data: snapshot });
        }
        if (type === 'chat' && data.text === 'die') void instance.stop();
        else if (type === 'chat') {
          seq += 1;
          const event = { type, id: `e${seq}`, room, from: user, seq, data, timestamp: now() };
          if (broadcaster !== undefined)
            send({
              type: 'broadcast',
              id: `b${seq}`,
              from: broadcaster ?? user,
              data: { text: 'x' },
            });
          reply({ type: 'ack', data: { id: event.id, seq } });
          for (const each of leak ? server.clients : members.keys())
            each.send(JSON.stringify(event));
        }
      });
      return undefined;
    });
    return instance;
  };

function asInstance(server: WebSocketServer): Instance {
  let alive = true;
  let ended: (how: { status: number; signal: null }) => void = () => {};
  const exited = new Promise<{ status: number; signal: null }>((resolve) => {
    ended = resolve;
  });
  const instance: Instance = {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`,
    signal: () => {},
    exited,
    output: { stdout: '', stderr: 'Segmentation fault' },
    get running() {
      return alive;
    },
    async stop() {
      if (!alive) return;
      alive = false;
      for (const client of server.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
      ended({ status: 139, signal: null });
    },
  };
  running.add(instance);
  return instance;
}

function verify({ url }: IncomingMessage, secret: string): string | undefined {
  const token = new URL(url ?? '', 'http://x').searchParams.get('token') ?? '';
  const [header, claims, signature] = token.split('.');
  const right = createHmac('sha256', secret).update(`${header}.${claims}`).digest('base64url');
  if (signature !== right) return undefined;
  return JSON.parse(Buffer.from(claims ?? '', 'base64url').toString()).sub;
}

const isRunner = (user: string | undefined) => /canary|preflight|probe/.test(user ?? '');

function welcomeData(user: string, env: Env) {
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
      max_rooms: Number(env['PARLOR_MAX_ROOMS']),
      max_listed_members: 1_000,
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

async function run(manners: Manners, options: RunOptions) {
  const events: RunEvent[] = [];
  const report = (event: RunEvent) => void events.push(event);
  const target = { start: tiny(manners) };
  const end = await runConformance(target, {
    patienceMs: 500,
    doubts: false,
    ...options,
    report,
  });
  const ends = events.filter((event): event is CheckEnd => event.event === 'check_end');
  const notes = events.flatMap((event) => (event.event === 'note' ? [event.text] : []));
  return { end, events, ends, notes };
}

const quiet = check('rooms-no-leak-to-strangers', async ({ join, connect }) => {
  const [ann, bob] = await join('lounge', 'ann', 'bob');
  const eve = await connect('eve');
  await ann.chat('lounge', 'hello');
  await bob.receives('chat');
  await eve.hearsNothing();
});
const joined = check('rooms-join-acked', async ({ connect }) => {
  const ann = await connect('ann');
  await ann.joins('lounge');
});

describe('a run', () => {
  it('passes a server that keeps the rules', async () => {
    const { end, events, ends } = await run({}, { checks: [quiet, joined] });
    expect(ends.map(({ verdict, failure }) => [verdict, failure])).toEqual([
      ['pass', undefined],
      ['pass', undefined],
    ]);
    expect([end.exit_code, end.totals.pass]).toEqual([0, 2]);
    const kinds = events.map(({ event }) => event).filter((kind) => kind !== 'note');
    expect(kinds).toEqual([
      'run_start',
      'check_start',
      'check_start',
      'check_end',
      'check_end',
      'run_end',
    ]);
  });

  it('tells what a server did that breaks one, without a secret', async () => {
    const { end, ends } = await run({ leak: true }, { checks: [quiet] });
    expect(end.exit_code).toBe(1);
    const [failed] = ends;
    expect(failed?.text).toBe(requirements['rooms-no-leak-to-strangers']?.text);
    expect(failed?.failure?.expected).toEqual(['eve receives nothing']);
    expect(failed?.failure?.actual).toMatch(/^eve received chat in lounge-/);
    expect(
      failed?.failure?.timeline.some(({ peer, kind }) => peer === 'bob' && kind === 'text'),
    ).toBe(true);
    expect(JSON.stringify(ends)).not.toMatch(/eyJ[A-Za-z0-9_-]{10}/);
  });

  it('waits for as long as requests are answered one after the other', async () => {
    const many = check('messages-reply-order', async ({ connect }) => {
      const ann = await connect('ann');
      await Promise.all([1, 2, 3, 4, 5, 6].map(() => ann.pings()));
    });
    const { ends } = await run({ pingMs: 250 }, { checks: [many] });
    expect(ends.map(({ verdict, failure }) => [verdict, failure])).toEqual([['pass', undefined]]);
  });

  it('waits at a door where others are let in, one after the other', async () => {
    const { ends } = await run({ doorMs: 1_500 }, { checks: [joined] });
    expect(ends.map(({ verdict }) => verdict)).toEqual(['pass']);
  });

  it('names one root when nobody is welcomed, and does not wait for the others', async () => {
    const first = check('handshake-welcome-first', async ({ open, mint }) => {
      const peer = await open({ token: mint('ann') });
      await peer.receives('welcome');
    });
    const { end, ends } = await run({ welcome: false }, { checks: [quiet, joined, first] });
    expect(end.exit_code).toBe(1);
    const causes = ends.map(({ check: id, failure }) => [id, failure?.caused_by]);
    expect(Object.fromEntries(causes)).toEqual({
      [quiet.id]: first.id,
      [joined.id]: first.id,
      [first.id]: undefined,
    });
  });

  it('finds which check ends the server, and judges the others all the same', async () => {
    const killer = check('chat-acked', async ({ join }) => {
      const [ann] = await join('lounge', 'ann');
      await ann.chat('lounge', 'die');
    });
    const { end, ends, notes } = await run({}, { checks: [quiet, killer, joined] });
    expect(Object.fromEntries(ends.map(({ check: id, verdict }) => [id, verdict]))).toEqual({
      [quiet.id]: 'pass',
      [joined.id]: 'pass',
      [killer.id]: 'fail',
    });
    const blamed = ends.find(({ verdict }) => verdict === 'fail');
    expect(blamed?.failure?.actual).toMatch(
      /ended with status 139; its last output:\nSegmentation fault\nbefore that: /,
    );
    expect(notes.join()).toContain('has started it again');
    expect(end.exit_code).toBe(1);
  });

  it('tries once more, alone, what it could not decide', async () => {
    let attempts = 0;
    const shaky = check('rooms-join-acked', async () => {
      attempts += 1;
      if (attempts === 1) throw new Inconclusive('too noisy');
    });
    const { ends } = await run({}, { checks: [shaky] });
    expect(ends.map(({ verdict, attempts: counted }) => [verdict, counted])).toEqual([['pass', 2]]);
  });

  it.each([
    ['apart', 'a server of their own', 1],
    ['last', 'the target', 0],
  ] as const)('runs checks that are alone, %s, one at a time on %s', async (alone, _, others) => {
    const urls: string[] = [];
    let under = 0;
    let most = 0;
    const lone = ['a', 'b', 'c'].map((variant) =>
      check(
        'rooms-join-acked',
        async (t) => {
          under += 1;
          most = Math.max(most, under);
          urls.push(...t.urls);
          await t.join('lounge', 'ann');
          under -= 1;
        },
        { alone, variant },
      ),
    );
    const target: string[] = [];
    const beside = check('rooms-join-acked', async (t) => void target.push(...t.urls));
    const { ends } = await run({}, { checks: [beside, ...lone] });
    expect(ends.map(({ verdict }) => verdict)).toEqual(['pass', 'pass', 'pass', 'pass']);
    expect(most).toBe(1);
    expect(new Set(urls).size).toBe(1);
    expect(urls.filter((url) => !target.includes(url))).toHaveLength(3 * others);
  });

  it.each<[string, string, (t: Stage) => void]>([
    ['what it saw', 'fail', ({ fail }) => fail({ expected: 'in time', actual: 'late' })],
    ['what it did not see', 'not_exercised', ({ notSeen }) => notSeen('late')],
  ])('doubts %s while it was held up itself', async (_, calm, conclude) => {
    const busy = check('rooms-join-acked', async (t) => {
      const end = performance.now() + 400;
      while (performance.now() < end);
      conclude(t);
    });
    const sure = await run({}, { checks: [busy] });
    expect(sure.ends.map(({ verdict }) => verdict)).toEqual([calm]);
    const { ends } = await run({}, { checks: [busy], doubts: true });
    const undecided = ends.map(({ verdict, attempts, reason }) => [verdict, attempts, reason]);
    expect(undecided).toEqual([
      [
        'inconclusive',
        3,
        expect.stringMatching(/^the machine was too busy \(.*\) to be sure of this: late$/),
      ],
    ]);
  });

  it.each<[string, Manners['outage'], string, number]>([
    ['an answer to a request', { joins: 1 }, 'pass', 2],
    ['the end of a connection', { connections: 1 }, 'pass', 2],
    ['what it always answers', { joins: 99 }, 'fail', 3],
    ['how all connections end', { connections: 99 }, 'inconclusive', 3],
  ])('takes an outage of the store for one: %s', async (_, outage, verdict, attempts) => {
    const { ends } = await run({ outage: outage ?? {} }, { checks: [joined], doubts: true });
    expect(ends.map((end) => [end.verdict, end.attempts])).toEqual([[verdict, attempts]]);
  });

  it.each([
    ['inconclusive', 'inconclusive', 3],
    ['vacuous', 'vacuous', 3],
    ['notExercised', 'not_exercised', 3],
  ] as const)('keeps %s apart from passed', async (verb, verdict, exit) => {
    const undecided = check('rooms-join-acked', async (t) => t[verb]('for a reason'));
    const { end, ends } = await run({}, { checks: [undecided] });
    expect(ends.map(({ verdict: is, reason }) => [is, reason])).toEqual([
      [verdict, 'for a reason'],
    ]);
    expect([end.exit_code, end.totals.pass]).toEqual([exit, 0]);
  });

  it('takes as long as it says beforehand, at least', async () => {
    const waits = check('rooms-join-acked', ({ pause }) => pause(120), { takes: () => 100 });
    const { end, events } = await run({}, { checks: [waits, quiet] });
    const [start] = events.flatMap((event) => (event.event === 'run_start' ? [event] : []));
    expect(start?.expected_ms).toBeGreaterThanOrEqual(100);
    expect(end.duration_ms).toBeGreaterThanOrEqual(start?.expected_ms ?? Number.POSITIVE_INFINITY);
  });

  it('keeps what it found when looking for the cause goes wrong', async () => {
    const late = check('rooms-join-acked', async (t) => {
      t.signs = () => {
        throw new TypeError('ours');
      };
      t.fail({ expected: 'in time', actual: 'late' });
    });
    const { end, ends, notes } = await run({}, { checks: [late] });
    expect(ends.map(({ verdict, failure }) => [verdict, failure?.actual])).toEqual([
      ['fail', 'late'],
    ]);
    expect([end.exit_code, notes.join()]).toEqual([
      5,
      expect.stringMatching(/^rooms-join-acked: a bug of the runner: TypeError: ours/),
    ]);
  });

  it('takes a mistake in a check for its own', async () => {
    const wrong = check('rooms-join-acked', async () => {
      throw new RangeError('ours');
    });
    const { end, notes } = await run({}, { checks: [wrong, quiet] });
    expect([end.exit_code, end.totals.pass]).toEqual([5, 1]);
    expect(notes.join()).toMatch(/rooms-join-acked: a bug of the runner: RangeError: ours\n {4}at/);
  });

  it('ends where the server dies midway and does not start again', async () => {
    let starts = 0;
    const once = async (env: Env) => {
      starts += 1;
      if (starts > 1) throw new TargetError('it does not start any more');
      return tiny({})(env);
    };
    const deadly = check('chat-echoed-to-sender', async ({ join }) => {
      const [ann] = await join('lounge', 'ann');
      ann.send('chat', { text: 'die' }, { room: 'lounge' });
      await ann.receives('chat');
    });
    const end = await runConformance({ start: once }, { checks: [quiet, deadly, joined], jobs: 1 });
    expect([end.exit_code, starts]).toEqual([1, 2]);
    expect(end.totals.fail).toBeGreaterThanOrEqual(1);
  });

  it('undoes what a check began, once, also where the check was let go of', async () => {
    const interrupt = new AbortController();
    const undone: string[] = [];
    const does = (variant: string, use: (t: Stage) => Promise<void>) =>
      check(
        'rooms-join-acked',
        (t) =>
          t.during(
            () => use(t),
            async () => undone.push(variant),
          ),
        { variant },
      );
    const checks = [
      does('ends', async () => {}),
      does('fails', async (t) => t.fail({ expected: 'this', actual: 'that' })),
      does('is interrupted', async (t) => {
        interrupt.abort();
        await t.pause(1);
      }),
    ];
    await runConformance({ start: tiny({}) }, { checks, jobs: 1, signal: interrupt.signal });
    expect(undone).toEqual(['ends', 'fails', 'is interrupted']);
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const interrupt = new AbortController();
    const started: Instance[] = [];
    const start = async (env: Env) => {
      const instance = await tiny({})(env);
      started.push(instance);
      return instance;
    };
    let steps = 0;
    // It does all that a check may do, without end.
    const endless = check(
      'rooms-join-acked',
      async ({ connect, launch, pause }) => {
        for (;;) {
          await (await connect('ann')).joins('lounge');
          await launch();
          await pause(1);
          steps += 1;
          if (steps === 3) interrupt.abort();
        }
      },
      { instance: { PARLOR_MAX_ROOMS: '3' } },
    );
    const later = Array.from({ length: 30 }, (_, i) => ({ ...joined, id: `${joined.rule}/${i}` }));
    const events: RunEvent[] = [];
    const report = (event: RunEvent) => void events.push(event);
    const checks = [endless, ...later];
    const { signal } = interrupt;
    const end = await runConformance({ start }, { checks, jobs: 1, signal, report });
    expect([end.exit_code, end.summary]).toEqual([3, 'The run was interrupted.']);
    const atEnd = [steps, started.length, events.length];
    // As much as the other would do meanwhile.
    await run({}, { checks: later });
    expect([steps, started.length, events.length]).toEqual(atEnd);
    expect(started.filter((each) => each.running)).toEqual([]);
    const begun = events.filter(({ event }) => event === 'check_start');
    expect(begun.length).toBeLessThan(later.length);
  });

  it.each([
    ['a TypeError', (ann: Peer) => (ann as unknown as { none(): void }).none()],
    ['a message that is no JSON', (ann: Peer) => ann.send('ping', { echo: 1n })],
  ])('takes %s of ours for its own, where the server did nothing wrong', async (_, slip) => {
    const wrong = check('rooms-join-acked', async ({ connect }) => slip(await connect('ann')));
    const { end } = await run({}, { checks: [wrong, quiet] });
    expect([end.exit_code, end.totals.fail, end.totals.pass]).toEqual([5, 0, 1]);
    expect(end.summary).toMatch(/^1 check met a bug of the runner/);
  });

  it('takes a broken SHOULD for a failure where it is told to', async () => {
    const should = check('handshake-plain-get-426', async (t) =>
      t.fail({ expected: 'a', actual: 'b' }),
    );
    const told = async (failOnShould: boolean | string[]) => {
      const { end, ends } = await run({}, { checks: [should], failOnShould });
      return [end.exit_code, end.totals.fail, end.totals.warning, ends[0]?.verdict];
    };
    expect(await told(false)).toEqual([0, 0, 1, 'warning']);
    expect(await told(['resume'])).toEqual([0, 0, 1, 'warning']);
    for (const way of [true, ['core']]) expect(await told(way)).toEqual([1, 1, 0, 'fail']);
  });

  it('takes a check that trips over a faulty frame for the fault of the server', async () => {
    const trusting = check('rooms-join-includes-oneself', async ({ connect }) => {
      const ann = await connect('ann');
      const { members } = (await ann.joins('lounge')).data;
      members?.includes(ann.user);
    });
    const { end, ends } = await run({ members: 7 }, { checks: [trusting] });
    expect(end.exit_code).toBe(1);
    expect(ends[0]?.failure?.actual).toMatch(/^\/data\/members must be array, in /);
  });

  it('reports what any frame breaks once, under its own rule', async () => {
    const { end, events, ends } = await run({ timestamp: 'today' }, { checks: [quiet, joined] });
    const found = events.flatMap((event) => (event.event === 'finding' ? [event.rule] : []));
    expect(found).toEqual(['messages-timestamp-form']);
    expect(ends.filter(({ verdict }) => verdict === 'fail').map(({ check: id }) => id)).toEqual([
      'messages-timestamp-form/every-frame',
    ]);
    expect(end.exit_code).toBe(1);
  });

  it('gives what any frame breaks to the check of that rule', async () => {
    const own = check('messages-timestamp-form', async ({ connect }) => {
      await connect('ann');
    });
    const { ends } = await run({ timestamp: 'today' }, { checks: [own, joined] });
    expect(ends.map(({ check: id, verdict }) => [id, verdict])).toEqual([
      [joined.id, 'pass'],
      [own.id, 'fail'],
    ]);
  });

  it.each([
    [null, ['messages-type-announced']],
    ['somebody of another check', []],
  ])('of a broadcast that is not announced, from %s, finds %j', async (broadcaster, rules) => {
    const { events } = await run({ broadcaster }, { checks: [quiet] });
    const found = events.flatMap((event) => (event.event === 'finding' ? [event.rule] : []));
    expect(found).toEqual(rules);
  });

  it('starts a server of its own for a check that asks for it', async () => {
    const roomy = check(
      'limits-rooms-reached',
      async ({ connect, urls, instance, equal }) => {
        const ann = await connect('ann');
        equal((ann.welcome.data['limits'] as { max_rooms: number }).max_rooms, 3, 'max_rooms');
        equal(urls, [instance.url], 'its address');
      },
      { instance: { PARLOR_MAX_ROOMS: '3' } },
    );
    const { ends } = await run({}, { checks: [roomy, quiet] });
    expect(ends.map(({ verdict }) => verdict)).toEqual(['pass', 'pass']);
  });

  it('says what it cannot ask of this target', async () => {
    const checks = [
      joined,
      check('direct-to-oneself-delivered', async () => {}),
      check('cluster-one-sequence', async () => {}),
      check('logs-line-is-json-object', async () => {}),
      check('rooms-join-ack-first', async () => {}, { needs: ['control:session.revoke'] }),
    ];
    const { end, ends } = await run({}, { checks });
    const reasons = ends.flatMap(({ verdict, reason }) =>
      verdict === 'not_exercised' ? [reason] : [],
    );
    expect(reasons).toEqual([
      '`direct` is not announced',
      'the target is a single instance (--instances, or several URLs)',
      expect.stringMatching(/^the target's log cannot be read \(--logs, or `logs` in the config: /),
      "the target has no control command 'session.revoke' (`control` in the config)",
    ]);
    expect(end.exit_code).toBe(0);
  });
});

describe('the exit code', () => {
  const leaking = (options: Partial<RunOptions>) =>
    run({ leak: true }, { checks: [quiet, joined], ...options });
  const known = (rule: string, expires?: string) => ({
    knownFailures: [{ rule, reason: 'being mended', ...(expires && { expires }) }],
  });

  it.each([
    ['0 when all that fails is known to', known(quiet.rule), 0],
    ['2 when what is known to fail passes', { ...known(joined.rule), checks: [joined] }, 2],
    ['1 when a known failure has expired', known(quiet.rule, '2020-01-01'), 1],
    ['2 when a known failure names no rule', { ...known('rooms-nothing'), checks: [joined] }, 2],
    ['3 when nothing was decided', { checks: [] }, 3],
    ['3 when too little was decided', { checks: [joined], minChecks: 2 }, 3],
    ['1 when a demanded profile is not announced', { checks: [joined], require: ['direct'] }, 1],
    ['0 when the demanded profile is always there', { checks: [joined], require: ['core'] }, 0],
  ])('is %s', async (_name, options, code) => {
    expect((await leaking(options)).end.exit_code).toBe(code);
  });

  it('marks what is known in its event and its totals', async () => {
    const { end, ends } = await leaking(known(quiet.rule));
    expect(end.totals).toMatchObject({ known: 1, fail: 0, pass: 1 });
    expect(ends.find(({ rule }) => rule === quiet.rule)?.known).toEqual({ reason: 'being mended' });
  });

  it('is reached early with bail', async () => {
    const many = Array.from({ length: 40 }, (_, i) => ({ ...joined, id: `rooms-join-acked/${i}` }));
    const { end } = await leaking({ checks: [quiet, ...many], bail: true, jobs: 1 });
    expect(end.exit_code).toBe(1);
    expect(end.totals.pass).toBeLessThan(40);
  });
});
