import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { mint, SECRET, type Started, start } from '#server/fixtures/client.js';
import { type FaultyLine, startLine } from './fixtures/proxy.js';
import type { Client, ClientEvents, EventName } from './index.js';
import { type ClientOptions, connect, QueueFull } from './index.js';
import { systemClock } from './surroundings.js';

const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function serve(options: Parameters<typeof start>[0] = {}): Promise<Started> {
  const started = await start({
    rates: [],
    heartbeat: { interval_ms: 200, timeout_ms: 200 },
    ...options,
  });
  ends.push(() => started.server.stop());
  return started;
}

async function through(port: number): Promise<FaultyLine> {
  const line = await startLine(port);
  ends.push(() => line.close());
  return line;
}

/** A client that does not wait long, and keeps what it was told. */
class Person {
  readonly client: Client;
  readonly seen: { readonly name: EventName; readonly event: unknown }[] = [];
  #wake: () => void = () => undefined;

  constructor(port: number, user: string, options: Partial<ClientOptions> = {}) {
    this.client = connect({
      url: `ws://127.0.0.1:${port}/ws`,
      token: () => mint(user, { scope: 'parlor:broadcast' }),
      WebSocket,
      random: () => 0.001,
      ...options,
    });
    ends.push(() => this.client.close());
    for (const name of [
      'welcome',
      'chat',
      'binary',
      'typing',
      'join',
      'leave',
      'direct',
      'broadcast',
      'joined',
      'missing',
      'disconnected',
      'end',
      'error',
      'shutdown',
      'status',
    ] as const)
      this.client.on(name, (event) => {
        this.seen.push({ name, event });
        this.#wake();
      });
  }

  told<K extends EventName>(name: K): ClientEvents[K][] {
    return this.seen.filter((each) => each.name === name).map(({ event }) => event as never);
  }

  /** Waits until so many events of a name were told; gives them all. */
  async hears<K extends EventName>(name: K, count: number): Promise<ClientEvents[K][]> {
    while (this.told(name).length < count)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.told(name);
  }
}

const texts = (events: ClientEvents['chat'][]) => events.map(({ data }) => data.text);

describe('with the reference server', () => {
  it('says all there is to say, and hears it', async () => {
    const { port } = await serve();
    const [ann, bob] = [new Person(port, 'ann'), new Person(port, 'bob')];
    expect(await ann.client.join('hall')).toEqual({ status: 'joined', members: ['ann'], count: 1 });
    expect(await bob.client.join('hall')).toMatchObject({ members: ['ann', 'bob'], count: 2 });
    expect(bob.client.typing('hall', true)).toBe(true);
    await ann.hears('typing', 1);
    expect(await bob.client.chat('hall', 'hello', { meta: { mood: 'good' } })).toMatchObject({
      status: 'accepted',
      seq: 1,
    });
    const bytes = new Uint8Array([0, 1, 254, 255]);
    const sent = await bob.client.sendBinary('hall', bytes, { contentType: 'image/png' });
    expect(sent).toMatchObject({ status: 'accepted', seq: 2 });
    expect(await bob.client.direct('ann', 'psst')).toMatchObject({ status: 'accepted' });
    expect(await bob.client.broadcast('hear, hear')).toMatchObject({ status: 'accepted' });
    const [said] = await ann.hears('chat', 1);
    expect(said).toMatchObject({ from: 'bob', data: { text: 'hello', meta: { mood: 'good' } } });
    const [picture] = await ann.hears('binary', 1);
    expect(picture).toMatchObject({ data: { content_type: 'image/png' }, payload: bytes });
    expect((await ann.hears('direct', 1))[0]).toMatchObject({ data: { text: 'psst' } });
    expect((await ann.hears('broadcast', 1))[0]).toMatchObject({ data: { text: 'hear, hear' } });
    bob.client.leave('hall');
    expect((await ann.hears('leave', 1))[0]).toMatchObject({ data: { user: 'bob' } });
    expect(await bob.client.chat('hall', 'gone')).toMatchObject({
      status: 'refused',
      code: 'not_in_room',
    });
  });

  it.each([
    ['query', {}],
    ['message', { authentication: 'message' as const }],
  ])('is let in by a token in the %s', async (_, options) => {
    const { port } = await serve();
    const ann = new Person(port, 'ann', options);
    expect((await ann.hears('welcome', 1))[0]?.user).toBe('ann');
  });

  it('misses nothing, and says nothing twice, when the line is cut', async () => {
    const { port } = await serve();
    const line = await through(port);
    const [ann, bob] = [new Person(line.port, 'ann'), new Person(port, 'bob')];
    await Promise.all([ann.client.join('hall'), bob.client.join('hall')]);
    line.refuse(true);
    // What ann says arrives; the answer does not.
    line.deafen();
    const lost = ann.client.chat('hall', 'lost answer');
    expect(texts(await bob.hears('chat', 1))).toEqual(['lost answer']);
    line.cut();
    await ann.hears('disconnected', 1);
    for (const text of ['one', 'two']) await bob.client.chat('hall', text);
    const queued = ann.client.chat('hall', 'queued');
    line.refuse(false);
    expect(await lost).toMatchObject({ status: 'accepted', seq: 1 });
    expect(await queued).toMatchObject({ status: 'accepted', seq: 4 });
    const all = ['lost answer', 'one', 'two', 'queued'];
    expect(texts(await bob.hears('chat', 4))).toEqual(all);
    expect(texts(await ann.hears('chat', 4))).toEqual(all);
    expect(ann.told('missing')).toEqual([]);
  });

  it('says what it does not know where the server does not know either', async () => {
    const { port } = await serve({ features: [] });
    const line = await through(port);
    const ann = new Person(line.port, 'ann');
    await ann.client.join('hall');
    line.deafen();
    const perhaps = ann.client.chat('hall', 'perhaps');
    line.cut();
    expect(await perhaps).toEqual({ status: 'unknown' });
    await ann.hears('joined', 2);
    expect(await ann.client.chat('hall', 'surely')).toMatchObject({ status: 'accepted' });
  });

  it('notices a line that is dead, and takes another', async () => {
    const { port } = await serve();
    const line = await through(port);
    const ann = new Person(line.port, 'ann');
    await ann.client.join('hall');
    line.freeze();
    const [first] = await ann.hears('disconnected', 1);
    expect(first).toMatchObject({ code: 4201 });
    await ann.hears('joined', 2);
    expect(line.count).toBe(2);
  });

  it('stays at the announced rates', async () => {
    const rate = { bucket: 'messages', types: ['chat', 'direct', 'broadcast', 'binary'], limit: 3 };
    const { port } = await serve({
      rates: [{ ...rate, window_ms: 150, scope: 'user', close_after: 1 }],
    });
    const ann = new Person(port, 'ann');
    await ann.client.join('hall');
    const said = Array.from({ length: 10 }, (_, n) => ann.client.chat('hall', String(n)));
    const all = await Promise.all(said);
    expect(all.map(({ status }) => status)).toEqual(said.map(() => 'accepted'));
    expect(ann.told('disconnected')).toEqual([]);
  });

  it('renews its token before it expires, and stays', async () => {
    const { port } = await serve({ tokens: { secret: SECRET } });
    const second = () => Math.floor(Date.now() / 1_000);
    let renewed: () => void = () => undefined;
    const renewal = new Promise<void>((resolve) => {
      renewed = resolve;
    });
    const lives = [2, 3_600];
    const ann = new Person(port, 'ann', {
      token: () => {
        if (lives.length === 1) renewed();
        return mint('ann', { exp: second() + (lives.shift() ?? 0) });
      },
    });
    await ann.client.join('hall');
    await renewal;
    // The first token's time is over by then; the connection is the first still.
    await new Promise<void>((resolve) => systemClock.after(3_000, resolve));
    expect((await ann.client.chat('hall', 'still here')).status).toBe('accepted');
    expect(ann.told('disconnected')).toEqual([]);
  });

  it('gets a new token where the server does not take one on the way', async () => {
    const { port } = await serve({ features: ['resume'] });
    let minted = 0;
    const ann = new Person(port, 'ann', {
      token: () => mint('ann', minted++ === 0 ? { exp: 1 } : {}),
    });
    expect((await ann.hears('welcome', 1))[0]?.user).toBe('ann');
    expect(minted).toBe(2);
  });

  it('stops where it is refused, and tells the application', async () => {
    const { port } = await serve();
    const ann = new Person(port, 'ann', { token: () => 'no token' });
    expect(await ann.hears('end', 1)).toEqual([{ code: 4001, reason: 'token_invalid' }]);
    expect(ann.client.status).toBe('closed');
    expect(await ann.client.chat('hall', 'too late')).toEqual({ status: 'not_sent' });
  });

  it('comes back after a restart to the rooms that it was in', async () => {
    const first = await start({ rates: [], graceMs: 100, reconnectSpreadMs: 50 });
    const line = await through(first.port);
    const ann = new Person(line.port, 'ann');
    await ann.client.join('hall');
    const second = await serve();
    line.lead(second.port);
    await first.server.drain('restart');
    await ann.hears('joined', 2);
    expect(ann.told('shutdown')[0]).toMatchObject({ reason: 'restart' });
    expect(ann.told('disconnected')[0]).toMatchObject({ code: 1012 });
    // The new server has another epoch: nobody knows what was said in between.
    expect(await ann.hears('missing', 1)).toEqual([{ room: 'hall', from: 1, to: null }]);
  });
});

describe('with a source of tokens that fails', () => {
  it('tries again, and shows no token to anybody', async () => {
    const { port } = await serve();
    let asked = 0;
    const token = mint('ann');
    const ann = new Person(port, 'ann', {
      token: () => {
        asked += 1;
        if (asked === 1) throw new Error('the login server is away');
        return token;
      },
    });
    await ann.hears('welcome', 1);
    expect(ann.told('error')).toMatchObject([{ code: 'no_token' }]);
    expect(JSON.stringify(ann.seen)).not.toContain(token);
  });

  it('hides the address, which holds the token, of a socket that cannot be made', async () => {
    class Failing {
      constructor(url: string) {
        throw new SyntaxError(`cannot open ${url}`);
      }
    }
    const ann = new Person(1, 'ann', {
      token: () => 'a-secret-token',
      WebSocket: Failing as unknown as NonNullable<ClientOptions['WebSocket']>,
    });
    await ann.hears('disconnected', 1);
    expect(ann.told('error')).toMatchObject([{ code: 'no_socket' }]);
    expect(JSON.stringify(ann.seen)).not.toContain('a-secret-token');
  });
});

describe('with a wrong use', () => {
  it('says at once what is wrong', () => {
    expect(() => connect({ url: 'no address', WebSocket })).toThrow(TypeError);
    expect(new QueueFull(5).message).toBe(
      'expected at most 5 messages in the queue of the client, got one more',
    );
  });
});

describe('the clock of the platform', () => {
  it('waits longer than a timer can, and can be called off', async () => {
    const order: string[] = [];
    const cancel = systemClock.after(2 ** 40, () => order.push('in thirty years'));
    await new Promise<void>((resolve) => {
      systemClock.after(2, resolve);
      systemClock.after(1, () => order.push('soon'))();
    });
    cancel();
    expect(order).toEqual([]);
  });
});
