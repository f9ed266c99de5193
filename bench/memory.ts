import { WebSocket } from 'ws';
import { start } from './measure.js';

// What clients leave behind: nothing. Memory after a garbage collection, before and after a crowd has come and gone.
const CONNECTIONS = 10_000;
const ROOMS = 5_000;
const REFUSED = 1_000_000;

const subject = await start('parlor', {
  PARLOR_MESSAGES_LIMIT: '10',
  PARLOR_MESSAGES_WINDOW_MS: '2000',
  PARLOR_MAX_ROOMS: '200',
});

// Windows of rates and libraries' farewells end within seconds; on a busy machine what they held goes later.
async function settled() {
  let last = await subject.usage();
  for (let round = 0; round < 20; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const now = await subject.usage();
    if (round > 0 && now.bytes > 0.99 * last.bytes) return now;
    last = now;
  }
  return last;
}

async function crowd(connections: number): Promise<void> {
  for (let i = 0; i < connections; i += 500) {
    const all = await subject.connect(
      Math.min(500, connections - i),
      (index) => `visitor-${i + index}`,
    );
    for (const client of all) client.close();
  }
}

async function rooms(count: number, run: string): Promise<void> {
  const all = await subject.connect(50, (index) => `guest-${run}-${index}`);
  await Promise.all(
    all.map(async (client, index) => {
      for (let i = index; i < count; i += all.length) await client.join(`room-${run}-${i}`);
    }),
  );
  for (const client of all) client.close();
}

// Sends chats to a room that nobody is in: each counts, and after ten each is refused.
async function refused(count: number): Promise<number> {
  const url = await subject.url('somebody');
  const socket = new WebSocket(url, { perMessageDeflate: false });
  const text = JSON.stringify({ type: 'chat', room: 'lounge', data: { text: 'again' } });
  let answers = 0;
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    const more = () => {
      for (let i = 0; i < 500; i += 1) socket.send(text);
    };
    socket.on('message', () => {
      answers += 1;
      if (answers === 1) more();
      if (answers >= count) resolve();
      else if ((answers - 1) % 500 === 0 && answers > 1) more();
    });
  });
  socket.terminate();
  return answers;
}

// Once around first, so that what is compiled and cached is there before anybody looks.
await crowd(3_000);
await rooms(1_000, 'first');
await refused(100_000);
const before = await settled();
await crowd(CONNECTIONS);
await rooms(ROOMS, 'second');
const answers = await refused(REFUSED);
const after = await settled();
subject.stop();

const mega = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
console.log(
  `${CONNECTIONS} connections, ${ROOMS} rooms, ${answers} messages answered, almost all refused`,
);
console.log(
  `in use: ${mega(before.bytes)} before, ${mega(after.bytes)} after, ratio ${(after.bytes / before.bytes).toFixed(2)}`,
);
console.log(
  `resident: ${mega(before.rss)} before, ${mega(after.rss)} after, ratio ${(after.rss / before.rss).toFixed(2)}`,
);
process.exit(after.bytes / before.bytes <= 1.2 ? 0 : 1);
