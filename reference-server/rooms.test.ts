import { describe, expect, it } from 'vitest';
import { validateAck, validateServer } from '#schemas/validate.js';
import { aloneInMemory } from './core.js';
import { type Client, world } from './fixtures/core.js';
import { slowBroker } from './fixtures/slow.js';
import { perform } from './perform.js';

const join = async (client: Client, room: string, data: object = {}) => {
  await client.send({ type: 'join', id: `join-${room}`, room, data });
  return client.take().find(({ ref }) => ref === `join-${room}`);
};

const chat = (client: Client, room: string, text: string, id?: string) =>
  client.send({ type: 'chat', ...(id ? { id } : {}), room, data: { text } });

describe('rooms', () => {
  it('tell who is there, and the others who came', async () => {
    const { connect } = await world();
    const [ann, bob] = [await connect('ann'), await connect('bob')];
    await join(ann, 'den');
    const ack = await join(bob, 'den');
    expect(ack?.data).toMatchObject({ members: ['ann', 'bob'], count: 2, seq: 0 });
    expect(validateAck('join', ack)).toBeNull();
    expect(ann.take()).toMatchObject([{ type: 'join', room: 'den', data: { user: 'bob' } }]);
  });

  it('show a user once, from the first connection to the last', async () => {
    const { connect } = await world();
    const ann = await connect('ann');
    const [one, two] = [await connect('bob'), await connect('bob')];
    await join(ann, 'den');
    await join(one, 'den');
    await join(two, 'den');
    await two.send({ type: 'leave', room: 'den' });
    await one.send({ type: 'leave', room: 'den' });
    expect(ann.take().map(({ type }) => type)).toEqual(['join', 'leave']);
    expect([...one.take(), ...two.take()]).toEqual([]);
  });

  it('deliver to members, and to nobody else', async () => {
    const { connect } = await world();
    const [ann, bob, eve] = [await connect('ann'), await connect('bob'), await connect('eve')];
    await join(ann, 'den');
    await join(bob, 'den');
    await join(eve, 'Den');
    ann.take();
    await chat(ann, 'den', 'hello', '1');
    expect(bob.take()).toMatchObject([
      { type: 'chat', from: 'ann', seq: 1, data: { text: 'hello' } },
    ]);
    expect(eve.take()).toEqual([]);
    const [event, ack] = ann.take();
    expect(ack?.data).toEqual({ id: event?.['id'], seq: 1 });
  });

  it('forget a connection that has closed', async () => {
    const { core, connect } = await world();
    const [ann, bob] = [await connect('ann'), await connect('bob')];
    await join(ann, 'den');
    await join(bob, 'den');
    ann.take();
    perform(core, bob.connection, [{ do: 'close', closing: { code: 1000, reason: '' } }]);
    expect(ann.take()).toMatchObject([
      { type: 'leave', data: { user: 'bob', reason: 'disconnected' } },
    ]);
    expect(core.users.has('bob')).toBe(false);
  });

  it('are closed to those whom the token does not let in', async () => {
    const { connect } = await world();
    const [ann, bob] = [await connect('ann'), await connect('bob', { rooms: ['lobby'] })];
    await join(ann, 'den');
    expect((await join(bob, 'den'))?.data['code']).toBe('forbidden');
    expect((await join(bob, 'lobby'))?.type).toBe('ack');
    await chat(bob, 'den', 'x');
    expect(bob.take().at(-1)?.data['code']).toBe('forbidden');
    expect(ann.take()).toEqual([]);
  });

  it('list at most as many users as are announced', async () => {
    const { connect } = await world({ limits: { max_listed_members: 5 } });
    const clients = [];
    for (let n = 0; n < 6; n += 1) clients.push(await connect(`user-${n}`));
    let last: unknown;
    for (const client of clients) last = (await join(client, 'den'))?.data;
    expect(last).toMatchObject({ count: 6, truncated: true });
    expect((last as { members: string[] }).members).toHaveLength(5);
  });
});

describe('a join over a slow broker', () => {
  it('is acked before the events after it, and misses none', async () => {
    let release: () => void = () => undefined;
    const { core, connect } = await world({}, async (...given) => {
      const broker = await aloneInMemory(...given);
      return {
        ...broker,
        async join(...request) {
          const joined = await broker.join(...request);
          await new Promise<void>((resolve) => {
            release = resolve;
          });
          return joined;
        },
      };
    });
    const [ann, bob] = [await connect('ann'), await connect('bob')];
    const joins = async (client: Client) => {
      const joining = client.send({ type: 'join', id: 'j', room: 'den' });
      return { joining, go: () => release() };
    };
    const first = await joins(ann);
    await Promise.resolve();
    first.go();
    await first.joining;
    const second = await joins(bob);
    await Promise.resolve();
    await chat(ann, 'den', 'meanwhile');
    expect(bob.take().map(({ type }) => type)).toEqual(['welcome']);
    second.go();
    await second.joining;
    expect(bob.take()).toMatchObject([
      { type: 'ack', data: { seq: 0 } },
      { type: 'chat', seq: 1 },
    ]);
    expect(core.rooms.get('den')?.waiting.size).toBe(0);
  });
});

describe('resume', () => {
  it('replays all that was missed, or nothing', async () => {
    const { connect, pass } = await world({ resume: { window_ms: 1_000, max_events: 3 } });
    const [ann, bob] = [await connect('ann'), await connect('bob')];
    const epoch = (await join(ann, 'den'))?.data['epoch'];
    for (const text of ['1', '2', '3', '4']) await chat(ann, 'den', text);
    await bob.send({ type: 'join', id: 'j', room: 'den', data: { since: { epoch, seq: 1 } } });
    const [, ack, ...events] = bob.take();
    expect(ack?.data).toMatchObject({ recovered: true, replayed: 3, seq: 4 });
    expect(events.map(({ seq, data }) => [seq, data['text'], data['replay']])).toEqual([
      [2, '2', true],
      [3, '3', true],
      [4, '4', true],
    ]);
    for (const event of events) expect(validateServer('chat', event)).toBeNull();
    const lost = { recovered: false, replayed: 0 };
    expect((await join(bob, 'den', { since: { epoch, seq: 0 } }))?.data).toMatchObject(lost);
    expect((await join(bob, 'den', { since: { epoch, seq: 5 } }))?.data).toMatchObject(lost);
    expect((await join(bob, 'den', { since: { epoch: 'x', seq: 4 } }))?.data).toMatchObject(lost);
    pass(1_000);
    expect((await join(bob, 'den', { since: { epoch, seq: 3 } }))?.data).toMatchObject(lost);
    expect((await join(bob, 'den', { since: { epoch, seq: 4 } }))?.data).toMatchObject({
      recovered: true,
      replayed: 0,
    });
  });

  it('keeps an abandoned room for as long as one can return to it', async () => {
    const { core, connect, pass } = await world({ resume: { window_ms: 1_000 } });
    const ann = await connect('ann');
    const epoch = (await join(ann, 'den'))?.data['epoch'];
    await ann.send({ type: 'leave', room: 'den' });
    pass(999);
    core.broker.sweep(core.now());
    expect((await join(ann, 'den'))?.data['epoch']).toBe(epoch);
    await ann.send({ type: 'leave', room: 'den' });
    pass(1_000);
    core.broker.sweep(core.now());
    expect((await join(ann, 'den'))?.data['epoch']).not.toBe(epoch);
  });

  it('recognises a repeated request of the same user', async () => {
    const { connect, pass } = await world({ dedupWindowMs: 1_000 });
    const [one, two, bob] = [await connect('ann'), await connect('ann'), await connect('bob')];
    for (const client of [one, two, bob]) await join(client, 'den');
    one.take();
    await chat(one, 'den', 'x', 'same');
    const first = one.take().find(({ type }) => type === 'ack')?.data;
    two.take();
    const data = { text: 'x', unknown: 1 };
    await two.send({ type: 'chat', id: 'same', room: 'den', timestamp: 'now', data });
    expect(two.take()).toMatchObject([{ type: 'ack', data: { ...first, duplicate: true } }]);
    await chat(two, 'den', 'y', 'same');
    expect(two.take()).toMatchObject([{ data: { code: 'duplicate_id' } }]);
    await chat(bob, 'den', 'x', 'same');
    expect(bob.take().at(-1)?.data['seq']).toBe(2);
    pass(1_000);
    two.take();
    await chat(two, 'den', 'y', 'same');
    expect(two.take().at(-1)?.data['seq']).toBe(3);
  });

  it('lets a twin wait for the end of the first', async () => {
    const { connect } = await world({}, slowBroker(1, 1));
    const [one, two, bob] = [await connect('ann'), await connect('ann'), await connect('bob')];
    const request = { type: 'direct', id: 'same', data: { to: 'bob', text: 'psst' } };
    await Promise.all([one.send(request), two.send(request), one.send(request)]);
    await bob.send({ type: 'direct', id: 'last', data: { to: 'bob', text: 'end' } });
    const acks = [...one.take(), ...two.take()].filter(({ type }) => type === 'ack');
    expect(acks.map(({ data }) => data['duplicate'] ?? false)).toEqual([false, true, true]);
    expect(new Set(acks.map(({ data }) => data['id'])).size).toBe(1);
    const texts = () => bob.inbox.flatMap((it) => (it.type === 'direct' ? [it.data['text']] : []));
    while (!texts().includes('end')) await new Promise((resolve) => setImmediate(resolve));
    expect(texts()).toEqual(['psst', 'end']);
  });
});

describe('typing', () => {
  const type = (client: Client, active: boolean) =>
    client.send({ type: 'typing', room: 'den', data: { active } });
  const states = (client: Client) =>
    client.take().map((it) => (it.type === 'typing' ? it.data['active'] : it.type));

  it('goes to other users, and ends by itself', async () => {
    const { connect, pass } = await world({ typingTtlMs: 100 });
    const [one, two, bob] = [await connect('ann'), await connect('ann'), await connect('bob')];
    for (const client of [one, two, bob]) await join(client, 'den');
    for (const client of [one, two, bob]) client.take();
    await type(one, true);
    pass(60);
    await type(one, true);
    pass(99);
    expect(states(bob)).toEqual([true, true]);
    pass(1);
    expect(states(bob)).toEqual([false]);
    expect([...one.take(), ...two.take()]).toEqual([]);
  });

  it('ends with a chat, and with the last connection', async () => {
    const { connect, pass } = await world({ typingTtlMs: 100 });
    const [one, two, bob] = [await connect('ann'), await connect('ann'), await connect('bob')];
    for (const client of [one, two, bob]) await join(client, 'den');
    for (const client of [one, two, bob]) client.take();
    await type(one, true);
    await chat(one, 'den', 'x');
    expect(states(bob)).toEqual([true, false, 'chat']);
    await type(one, true);
    await one.send({ type: 'leave', room: 'den' });
    expect(states(bob)).toEqual([true]);
    await two.send({ type: 'leave', room: 'den' });
    expect(states(bob)).toEqual([false, 'leave']);
    pass(1_000);
    expect(states(bob)).toEqual([]);
  });
});
