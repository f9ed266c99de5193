import type { Client } from './clients.js';
import { cpu, type Subject } from './measure.js';

/** A measurement: what it is called, its unit, and how it is taken. */
export interface Scenario {
  name: string;
  unit: string;
  measure(subject: Subject): Promise<number>;
}

const TEXT = 'a text of a usual length, as people write it to each other in a room';

/** Rooms of members; a few of them talk at once, and every delivery is counted and compared. */
function talk(name: string, rooms: number, members: number, each: number): Scenario {
  return {
    name,
    unit: 'µs of CPU per delivery',
    async measure(subject) {
      const all = await subject.connect(rooms * members);
      const room = (index: number) => `room-${index % rooms}`;
      await Promise.all(all.map((client, index) => client.join(room(index))));
      await round(all, room, rooms, members, Math.ceil(each / 4));
      const spent = await cpu(subject, () => round(all, room, rooms, members, each));
      for (const client of all) client.close();
      return spent / (rooms * members * each);
    },
  };
}

// `each` messages to each room, from up to ten of its members, without waiting; ends when all have arrived.
async function round(
  all: readonly Client[],
  room: (index: number) => string,
  rooms: number,
  members: number,
  each: number,
): Promise<void> {
  const expected = rooms * members * each;
  const talkers = Math.min(10, members);
  let arrived = 0;
  await new Promise<void>((resolve, reject) => {
    for (const client of all)
      client.onText = (text) => {
        if (!text.startsWith(TEXT)) reject(new Error(`a text arrived that nobody sent: ${text}`));
        arrived += 1;
        if (arrived === expected) resolve();
      };
    for (let message = 0; message < each; message += 1)
      for (let index = 0; index < rooms; index += 1) {
        const talker = index + rooms * (message % talkers);
        all[talker]?.say(room(index), `${TEXT} ${message}`);
      }
  });
  if (arrived !== expected) throw new Error(`${arrived} of ${expected} deliveries`);
}

// Ten connections, each with so many pings under way at any time.
function pings(name: string, flying: number): Scenario {
  const each = Math.floor(2_000 / flying);
  return {
    name,
    unit: 'µs of CPU per round trip',
    async measure(subject) {
      const all = await subject.connect(10);
      const lanes = all.flatMap((client) => Array.from({ length: flying }, () => client));
      const run = (count: number) =>
        Promise.all(
          lanes.map(async (client) => {
            for (let i = 0; i < count; i += 1) await client.ping();
          }),
        ).then(() => undefined);
      await run(each);
      const spent = await cpu(subject, () => run(2 * each));
      for (const client of all) client.close();
      return spent / (2 * each * lanes.length);
    },
  };
}

/** Everything that is measured, in order. */
export const scenarios: readonly Scenario[] = [
  talk('100 members, pipelined', 1, 100, 4_000),
  talk('1,000 members, pipelined', 1, 1_000, 400),
  talk('100 rooms of 10', 100, 10, 400),
  {
    name: 'one event in flight, 100 members',
    unit: 'µs of CPU per delivery',
    async measure(subject) {
      const all = await subject.connect(100);
      await Promise.all(all.map((client) => client.join('room')));
      const one = () => round(all, () => 'room', 1, 100, 1);
      for (let i = 0; i < 20; i += 1) await one();
      const spent = await cpu(subject, async () => {
        for (let i = 0; i < 150; i += 1) await one();
      });
      for (const client of all) client.close();
      return spent / 15_000;
    },
  },
  pings('ping to pong, 16 in flight', 16),
  pings('ping to pong, one in flight', 1),
  {
    name: 'connect',
    unit: 'µs of CPU per connection',
    async measure(subject) {
      for (const client of await subject.connect(200)) client.close();
      let all: Client[] = [];
      const spent = await cpu(subject, async () => {
        all = await subject.connect(500);
      });
      for (const client of all) client.close();
      return spent / 500;
    },
  },
  {
    name: 'idle connection',
    unit: 'bytes of memory',
    async measure(subject) {
      for (const client of await subject.connect(100)) client.close();
      const before = await subject.usage();
      const all = await subject.connect(1_000);
      const after = await subject.usage();
      for (const client of all) client.close();
      return (after.bytes - before.bytes) / 1_000;
    },
  },
];
