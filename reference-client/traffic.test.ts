import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { World } from './fixtures/world.js';
import { Rates } from './rates.js';
import { Track } from './track.js';

const types = (world: World) => world.seat.heard.map(({ type }) => type);

describe('rooms', () => {
  it('are asked for again where the server could not say, and then told', async () => {
    const world = new World({ random: () => 0.5 });
    world.mute = true;
    const joined = world.client.join('hall');
    const seat = await world.welcome();
    const [request] = seat.of('join');
    if (request) seat.refuse(request, 'backend_unavailable');
    void world.client.chat('hall', 'waits for the room');
    await world.pass(2_499);
    expect(types(world)).toEqual(['join']);
    seat.answered = ['join', 'chat'];
    await world.pass(1);
    expect(await joined).toEqual({ status: 'joined', members: ['ann'], count: 1 });
    expect(types(world)).toEqual(['join', 'join', 'chat']);
  });

  it('are given up where they are refused', async () => {
    const world = new World();
    world.mute = true;
    const joined = world.client.join('hall');
    const seat = await world.welcome();
    const [request] = seat.of('join');
    if (request) seat.refuse(request, 'forbidden');
    expect(await joined).toEqual({ status: 'refused', code: 'forbidden', message: 'forbidden' });
    expect((await world.again()).heard).toEqual([]);
  });

  it('are lost where the server takes the client out', async () => {
    const world = new World();
    void world.client.join('hall');
    const seat = await world.welcome();
    seat.say({ type: 'leave', room: 'hall', data: { user: 'bob', reason: 'unauthorized' } });
    expect(world.told('refused')).toEqual([]);
    seat.say({ type: 'leave', room: 'hall', data: { user: 'ann', reason: 'unauthorized' } });
    expect(world.told('refused')).toMatchObject([{ room: 'hall', code: 'unauthorized' }]);
    expect((await world.again()).heard).toEqual([]);
  });

  it('are left behind what was said to them, and not where they are wanted again', async () => {
    const rates = [{ bucket: 'messages', types: ['chat'], limit: 1, window_ms: 1_000 }];
    const world = new World();
    void world.client.join('hall');
    await world.welcome({ rates });
    for (const text of ['one', 'two']) void world.client.chat('hall', text);
    world.client.leave('hall');
    await world.pass();
    expect(types(world)).toEqual(['join', 'chat']);
    expect((await world.client.join('hall')).status).toBe('joined');
    await world.pass(1_001);
    expect(types(world)).toEqual(['join', 'chat', 'chat']);
    world.client.leave('hall');
    expect(types(world)).toEqual(['join', 'chat', 'chat', 'leave']);
  });
});

describe('a listener that throws', () => {
  it('does not keep others from hearing', async () => {
    const world = new World();
    const heard: string[] = [];
    const caught = new Promise((resolve) => process.once('uncaughtException', resolve));
    const off = world.client.on('status', () => {
      throw new Error('a fault of the application');
    });
    world.client.on('status', (status) => heard.push(status));
    world.client.close();
    off();
    expect(await caught).toMatchObject({ message: 'a fault of the application' });
    expect(heard).toEqual(['closed']);
  });
});

describe('a shutdown that never comes to its end', () => {
  it('is ended by the client, which comes back as it was told', async () => {
    const world = new World();
    const seat = await world.welcome();
    const data = { reason: 'restart', grace_ms: 5_000, reconnect: true, retry_after_ms: 2_000 };
    seat.say({ type: 'server_shutdown', data });
    await world.pass(14_999);
    expect(seat.closedWith).toBeUndefined();
    await world.pass(1);
    expect(seat.closedWith).toBe(4201);
    await world.pass(2_000);
    expect(world.seats).toHaveLength(2);
    expect(seat.of('ping')).toEqual([]);
  });
});

describe('the rates of a client', () => {
  it('never exceed the sliding log of a server, however long the ways are', () => {
    const step = fc.record({
      pause: fc.integer({ min: 0, max: 400 }),
      there: fc.integer({ min: 0, max: 300 }),
      back: fc.integer({ min: 0, max: 300 }),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(step, { maxLength: 60 }),
        (limit, steps) => {
          const window_ms = 500;
          const rates = new Rates();
          const rule = { bucket: 'b', types: ['chat'], limit, window_ms, scope: 'user' as const };
          rates.announce([{ ...rule, close_after: 0 }]);
          const admitted: number[] = [];
          let answers: { id: string; at: number }[] = [];
          let now = 0;
          let arrived = 0;
          steps.forEach(({ pause, there, back }, n) => {
            now += pause;
            for (const { id, at } of answers.filter((each) => each.at <= now))
              rates.answered(id, at);
            answers = answers.filter((each) => each.at > now);
            if (rates.wait('chat', `${n}`, now) > 0) return;
            rates.sent('chat', `${n}`);
            // What is sent later arrives later.
            arrived = Math.max(arrived, now + there);
            admitted.push(arrived);
            answers.push({ id: `${n}`, at: arrived + back });
          });
          for (const at of admitted) {
            const log = admitted.filter((each) => each <= at && each > at - window_ms);
            expect(log.length).toBeLessThanOrEqual(limit);
          }
        },
      ),
    );
  });

  it('keep a place for what keeps the connection alive', () => {
    const rates = new Rates();
    const rule = { bucket: 'control', types: ['typing', 'ping'], limit: 10, window_ms: 1_000 };
    rates.announce([{ ...rule, scope: 'connection', close_after: 0 }]);
    let typed = 0;
    while (rates.wait('typing', `t${typed}`, 0) === 0) rates.sent('typing', `t${typed++}`);
    expect(typed).toBe(8);
    expect(rates.wait('ping', 'p', 0)).toBe(0);
  });
});

describe('the track of a room', () => {
  it('gives each event once and in order, whatever is lost, repeated and caught up', () => {
    const arrivals = fc.array(
      fc.record({ lost: fc.boolean(), again: fc.nat(5), gap: fc.boolean() }),
    );
    fc.assert(
      fc.property(arrivals, fc.boolean(), (steps, recovers) => {
        const track = new Track<{ seq: number }>();
        track.joined({ seq: 0, epoch: 'e' });
        const given: number[] = [];
        const missed: number[] = [];
        let seq = 0;
        const take = (found: ReturnType<typeof track.event>) => {
          if (found.missing)
            for (let n = found.missing.from; n <= (found.missing.to ?? seq); n += 1) missed.push(n);
          given.push(...found.give.map((each) => each.seq));
          if (!found.catchUp) return;
          const from = track.since?.seq ?? 0;
          take(track.joined({ seq, epoch: 'e', recovered: recovers }));
          for (let n = from + 1; recovers && n <= seq; n += 1) take(track.event({ seq: n }, true));
        };
        for (const { lost, again, gap } of steps) {
          seq += 1;
          if (!lost) take(track.event({ seq }, true));
          else if (gap) take(track.gap(seq, seq, 'e', true));
          if (!lost && again > 0) take(track.event({ seq: Math.max(1, seq - again) }, true));
        }
        const sorted = [...new Set(given)].sort((a, b) => a - b);
        expect(given).toEqual(sorted);
        // Up to the last event without a hole before it, all is given or told to be missing.
        const settled = track.since?.seq ?? 0;
        for (let n = 1; n <= settled; n += 1) expect([...given, ...missed]).toContain(n);
        if (recovers) expect(missed).toEqual([]);
      }),
    );
  });
});
