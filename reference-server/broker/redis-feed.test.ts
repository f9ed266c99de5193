import { describe, expect, it } from 'vitest';
import type { Entry, Position, Reply } from './redis-codec.js';
import { Feed, PAGE } from './redis-feed.js';

/** A room as Redis keeps it, with what a feed of it tells. */
class Room {
  epoch = 'e1';
  rev = 0;
  seq = 0;
  moves = 0;
  log: Entry[] = [];
  readonly told: string[] = [];
  readonly revs: number[] = [];
  readonly feed: Feed;
  fetches = 0;
  failing = false;

  constructor() {
    this.feed = new Feed(
      {
        said: ({ body }, rev) => {
          this.told.push(body.toString());
          this.revs.push(rev);
        },
        missing: (from, to, epoch, rev) => {
          this.told.push(`gap ${from}-${to ?? ''} ${epoch}`);
          this.revs.push(rev);
        },
        unsure: (why) => this.told.push(`unsure ${why}`),
      },
      async (from) => {
        this.fetches += 1;
        if (this.failing) throw new Error('no link');
        return this.answer(from);
      },
    );
  }

  say(kind: 'c' | 'm' | 'r', text: string): Entry {
    this.rev += 1;
    if (kind === 'c') this.seq += 1;
    if (kind === 'm') this.moves += 1;
    const { epoch, rev, seq, moves } = this;
    const entry = { kind, epoch, rev, seq, moves, body: Buffer.from(text) };
    if (kind !== 'r') this.log.push(entry);
    return entry;
  }

  lose(epoch: string) {
    Object.assign(this, { epoch, rev: 0, seq: 0, moves: 0, log: [] });
  }

  get position(): Position {
    const { epoch, rev, seq, moves } = this;
    return { epoch, rev, seq, moves };
  }

  private answer(from: Position | null): Reply {
    const known = from?.epoch === this.epoch ? from : { seq: 0, moves: 0 };
    const stream = (kind: string, after: number, page: number): Reply =>
      this.log
        .filter((it) => it.kind === kind && (kind === 'c' ? it.seq : it.moves) > after)
        .slice(0, page)
        .map((it) => [
          Buffer.from(`${kind === 'c' ? it.seq : it.moves}-${it.rev}`),
          [Buffer.from('b'), it.body, Buffer.from('t'), Buffer.from('0')],
        ]);
    const empty = from === null;
    return [
      Buffer.from(this.epoch),
      this.rev,
      this.seq,
      this.moves,
      empty ? [] : stream('c', known.seq, PAGE),
      empty ? [] : stream('m', known.moves, 1_000),
      [Buffer.from('here')],
    ];
  }
}

async function opened(): Promise<Room> {
  const room = new Room();
  room.say('c', 'before');
  expect(await room.feed.at(room.position)).toBe(1);
  return room;
}

describe('a feed', () => {
  it('tells what comes in order, once, from its opening on', async () => {
    const room = new Room();
    const early = [room.say('c', 'old'), room.say('c', 'older than the join')];
    const join = room.position;
    const late = [room.say('m', 'coming'), room.say('r', 'hint'), room.say('c', 'new')];
    for (const entry of [...early, ...late]) room.feed.receive(entry);
    expect(room.told).toEqual([]);
    expect(await room.feed.at(join)).toBe(2);
    for (const entry of late) room.feed.receive(entry);
    expect(room.told).toEqual(['coming', 'hint', 'new']);
    expect(room.revs).toEqual([3, 4, 5]);
    expect(room.fetches).toBe(0);
  });

  it('fetches what a hole shows to be lost, and goes on behind it', async () => {
    const room = await opened();
    room.say('c', 'lost');
    room.say('m', 'lost coming');
    const heard = room.say('c', 'heard');
    room.feed.receive(heard);
    const next = room.say('c', 'next');
    room.feed.receive(next);
    expect(await room.feed.sync()).toEqual(['here']);
    expect(room.told).toEqual(['lost', 'lost coming', 'heard', 'next']);
    expect(room.fetches).toBe(1);
  });

  it('does not ask for hints, which are not kept', async () => {
    const room = await opened();
    room.say('r', 'lost hint');
    room.feed.receive(room.say('c', 'heard'));
    expect(room.told).toEqual(['heard']);
    expect(room.fetches).toBe(0);
  });

  it('loses no hint to a fetch that is under way', async () => {
    const room = await opened();
    const synced = room.feed.sync();
    room.feed.receive(room.say('r', 'hint'));
    await synced;
    room.feed.receive(room.say('c', 'next'));
    expect(room.told).toEqual(['hint', 'next']);
    room.say('c', 'lost');
    room.feed.receive(room.say('r', 'hint behind a hole'));
    room.feed.receive(room.say('c', 'heard'));
    await room.feed.sync();
    expect(room.told.slice(2)).toEqual(['lost', 'hint behind a hole', 'heard']);
  });

  it('tells of a gap before what follows, where the log no longer reaches back', async () => {
    const room = await opened();
    for (let i = 2; i <= 6; i += 1) room.say('c', `${i}`);
    room.log = room.log.slice(-2);
    await room.feed.sync();
    expect(room.told).toEqual(['gap 2-4 e1', '5', '6']);
    expect(room.revs).toEqual([...room.revs].sort((a, b) => a - b));
    room.say('c', '7');
    room.log = [];
    await room.feed.sync();
    expect(room.told.slice(-1)).toEqual(['gap 7-7 e1']);
  });

  it('reads a long log page by page', async () => {
    const room = await opened();
    const all = Array.from({ length: 2.5 * PAGE }, (_, i) => `${i}`);
    for (const [i, text] of all.entries()) room.say(i % 10 === 3 ? 'm' : 'c', text);
    await room.feed.sync();
    expect(room.told).toEqual(all);
    expect(room.fetches).toBe(3);
  });

  it('says that comings and goings are unsure, where theirs no longer reaches back', async () => {
    const room = await opened();
    for (const text of ['one', 'two', 'three']) room.say('m', text);
    room.log = room.log.slice(-1);
    await room.feed.sync();
    expect(room.told).toEqual(['unsure moves', 'three']);
  });

  it('begins a new epoch with a gap, and never goes back with its order', async () => {
    const room = await opened();
    for (let i = 0; i < 5; i += 1) room.feed.receive(room.say('c', `${i}`));
    room.lose('e2');
    room.feed.receive(room.say('c', 'first again'));
    await room.feed.sync();
    expect(room.told.slice(5)).toEqual(['gap 1- e2', 'unsure epoch', 'first again']);
    expect(room.revs).toEqual([...room.revs].sort((a, b) => a - b));
    expect(new Set(room.revs).size).toBe(room.revs.length);
    expect(await room.feed.at(room.position)).toBe(room.revs.at(-1));
  });

  it('drops what is left of an old epoch', async () => {
    const room = await opened();
    const old = [room.say('c', 'old'), room.say('c', 'older')];
    room.lose('e2');
    await room.feed.sync();
    for (const entry of old) room.feed.receive(entry);
    await room.feed.sync();
    expect(room.told).toEqual(['gap 1- e2', 'unsure epoch']);
    room.feed.receive(room.say('c', 'new'));
    expect(room.told.slice(2)).toEqual(['new']);
  });

  it('waits for the link when a fetch fails, and loses nothing by it', async () => {
    const room = await opened();
    room.say('c', 'lost');
    room.failing = true;
    room.feed.receive(room.say('c', 'heard'));
    await expect(room.feed.sync()).rejects.toThrow('no link');
    room.feed.receive(room.say('c', 'later'));
    await Promise.resolve();
    expect(room.told).toEqual([]);
    room.failing = false;
    // The first call may join the attempt that is failing already.
    await room.feed.sync().catch(() => room.feed.sync());
    expect(room.told).toEqual(['lost', 'heard', 'later']);
  });
});
