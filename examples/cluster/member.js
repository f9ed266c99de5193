// A member of the room `hall`: says each line of its standard input, and prints what it hears. For the tests.
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { Room } from './room.js';

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const room = new Room(
  new Redis(process.env.REDIS_URL),
  'hall',
  (seq, text) => say({ seq, text }),
  (first, last) => say({ gap: [first, last] }),
);
await room.open();
say({ ready: room.last });
for await (const line of createInterface({ input: process.stdin })) await room.chat(line);
process.exit();
