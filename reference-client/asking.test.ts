import { describe, expect, it } from 'vitest';
import { PLAIN, type Seat, World } from './fixtures/world.js';

/** The only request of a type that was heard, which there has to be. */
function only(seat: Seat, type: string) {
  const [request, ...more] = seat.of(type);
  expect(more).toEqual([]);
  if (!request) throw new Error(`expected a ${type}, heard none`);
  return request;
}

describe('members', () => {
  it('are asked for behind the join and what was said', async () => {
    const world = new World();
    void world.client.join('hall');
    void world.client.chat('hall', 'first');
    const listed = world.client.members('hall');
    const seat = await world.welcome();
    expect(seat.heard.map(({ type }) => type)).toEqual(['join', 'chat', 'members']);
    const ack = { members: ['ann', 'bob'], count: 3, truncated: true };
    seat.answer(only(seat, 'members'), ack);
    expect(await listed).toEqual({ status: 'listed', ...ack });
  });

  it('may be refused', async () => {
    const world = new World();
    const listed = world.client.members('elsewhere');
    const seat = await world.welcome();
    seat.refuse(only(seat, 'members'), 'not_in_room');
    expect(await listed).toMatchObject({ status: 'refused', code: 'not_in_room' });
  });

  it('are not asked for again where the connection ends, and then unknown', async () => {
    const world = new World();
    const listed = world.client.members('hall');
    await world.welcome();
    const seat = await world.again();
    expect(await listed).toEqual({ status: 'unknown' });
    expect(seat.heard).toEqual([]);
  });
});

describe('a message of the application', () => {
  it('resolves with what the ack says', async () => {
    const world = new World();
    const moved = world.client.custom('x.game.move', { to: 'e4' }, { room: 'hall' });
    void world.client.join('hall');
    const seat = await world.welcome();
    const sent = only(seat, 'x.game.move');
    expect(sent).toMatchObject({ room: 'hall', data: { to: 'e4' } });
    expect(seat.heard.map(({ type }) => type)).toEqual(['join', 'x.game.move']);
    seat.answer(sent, { turn: 'bob' });
    expect(await moved).toEqual({ status: 'accepted', data: { turn: 'bob' } });
  });

  it.each([
    ['that remembers requests', {}],
    ['that does not', PLAIN],
  ])('is sent once, also to a server %s', async (_, announced) => {
    const world = new World();
    const moved = world.client.custom('x.game.move');
    await world.welcome(announced);
    const seat = await world.again(1006, announced);
    expect(seat.heard).toEqual([]);
    expect(await moved).toEqual({ status: 'unknown' });
  });

  it('is sent again where the server did not take it', async () => {
    const world = new World();
    const moved = world.client.custom('x.poll', { option: 2 });
    const seat = await world.welcome();
    seat.refuse(only(seat, 'x.poll'), 'rate_limited', { retry_after_ms: 200 });
    await world.pass(200);
    const [, again] = seat.of('x.poll');
    if (again) seat.answer(again);
    expect(await moved).toEqual({ status: 'accepted', data: {} });
  });

  it('has a type of the application', () => {
    const { client } = new World();
    expect(() => client.custom('chat' as 'x.chat')).toThrow(
      'expected a type that begins with x., got "chat"',
    );
    client.close();
  });

  it('can be taken back, and is not sent by a client that has stopped', async () => {
    const world = new World();
    const back = new AbortController();
    const moved = world.client.custom('x.poll', {}, { signal: back.signal });
    back.abort();
    expect(await moved).toEqual({ status: 'not_sent' });
    world.client.close();
    expect(await world.client.members('hall')).toEqual({ status: 'not_sent' });
  });
});
