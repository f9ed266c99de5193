import { monitorEventLoopDelay } from 'node:perf_hooks';
import { losses } from '#conformance/checks/cluster.losses.js';
import { prepare } from '#conformance/harness/target.js';
import { Client, type Said } from './client.js';
import { createCluster, type TestCluster } from './target.js';

/** How a broker is taken away. */
type Fault = 'kill' | 'stall' | 'cut';

/** One row of the table. */
interface Row {
  fault: Fault;
  sent: number;
  acked: number;
  refused: number;
  /** Acknowledged messages that did not reach a member, and were covered by a gap: one count for each member. */
  gapped: number;
  /** The same, not covered. */
  missing: number;
  doubled: number;
  /** Other faults of order that the audit found. */
  faults: string[];
  /** Instances that have ended, and connections that were closed. */
  dead: number;
  closed: number;
  /** The longest round trip of a ping to an instance, without what our own loop was late by, in milliseconds. */
  blockedMs: number;
  /** From the broker's return to the first message that was accepted again. */
  backMs: number;
}

const RATE = 200;
const ROOMS = 5;
const CLIENTS = 20;
const BEFORE_MS = 1_000;
const DOWN_MS = 1_000;
const AFTER_MS = 1_000;
const SETTLE_MS = 30_000;
const SERVICE_MS = 30_000;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Takes the broker away again and again, under messages; the rows say what became of them. */
export async function faultRun(
  command: string,
  rounds: readonly Fault[],
  show: (row: Row, number: number) => void,
): Promise<Row[]> {
  const cluster = await createCluster(command, {
    env: {
      PARLOR_MESSAGES_LIMIT: '1000',
      PARLOR_MESSAGES_WINDOW_MS: '1000',
      PARLOR_HEARTBEAT_INTERVAL_MS: '5000',
      PARLOR_HEARTBEAT_TIMEOUT_MS: '5000',
      // Less than what an instance misses that is cut off: the rest has to be covered by a gap.
      PARLOR_RESUME_MAX_EVENTS: '20',
      PARLOR_LOG: 'off',
    },
  });
  const target = await prepare(cluster.target);
  const connect = (label: string, at: number) =>
    Client.connect(target.urls[at] ?? '', target.minter?.mint(label) ?? '', label);
  try {
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, (_, i) => connect(`user-${i}`, i % target.urls.length)),
    );
    const pingers = await Promise.all(target.urls.map((_, at) => connect(`pinger-${at}`, at)));
    for (const [i, client] of clients.entries()) await client.join(roomOf(i));
    const rows: Row[] = [];
    for (const fault of rounds) {
      const row = await round(cluster, fault, clients, pingers);
      rows.push(row);
      show(row, rows.length);
    }
    for (const client of [...clients, ...pingers]) client.close();
    return rows;
  } finally {
    await target.stop();
    await cluster.end();
  }
}

const roomOf = (client: number) => `room-${Math.floor(client / 2) % ROOMS}`;

async function round(
  cluster: TestCluster,
  fault: Fault,
  clients: readonly Client[],
  pingers: readonly Client[],
): Promise<Row> {
  const loop = monitorEventLoopDelay({ resolution: 5 });
  loop.enable();
  const traffic = speak(clients);
  const watch = watchPings(pingers);
  await pause(BEFORE_MS);
  await lose(cluster, fault);
  await pause(DOWN_MS);
  await regain(cluster, fault);
  const back = performance.now();
  while (!traffic.acceptedSince(back) && performance.now() < back + SERVICE_MS) await pause(5);
  const backMs = performance.now() - back;
  await pause(AFTER_MS);
  const said = await traffic.stop();
  const longest = await watch.stop();
  loop.disable();
  const found = await audit(clients, said);
  return {
    fault,
    sent: said.length,
    acked: said.filter(({ reply }) => reply?.type === 'ack').length,
    refused: said.filter(({ reply }) => reply?.data.code === 'backend_unavailable').length,
    ...found,
    dead: cluster.placed.filter(({ instance }) => !instance.running).length,
    closed: [...clients, ...pingers].filter(({ ended }) => ended !== null).length,
    blockedMs: Math.max(0, longest - loop.max / 1e6),
    backMs,
  };
}

async function lose({ redis, placed }: TestCluster, fault: Fault): Promise<void> {
  if (fault === 'kill') await redis.kill();
  else if (fault === 'stall') redis.pause();
  // The others go on: what they accept in the meantime is what this instance has missed.
  else await placed.at(-1)?.proxy.refuse();
}

async function regain({ redis, placed }: TestCluster, fault: Fault): Promise<void> {
  if (fault === 'kill') await redis.start();
  else if (fault === 'stall') redis.resume();
  else await placed.at(-1)?.proxy.heal();
}

/** All clients together send at the rate, whatever comes of it. */
function speak(clients: readonly Client[]) {
  const said: Promise<Said>[] = [];
  let accepted = 0;
  let next = 0;
  const started = performance.now();
  const timer = setInterval(() => {
    const due = ((performance.now() - started) * RATE) / 1_000;
    for (; next < due; next += 1) {
      const index = next % clients.length;
      const client = clients[index] as Client;
      const chat = client.chat(roomOf(index), `message ${next} of ${Math.round(started)}`);
      said.push(chat);
      void chat.then(({ at, reply }) => {
        if (reply?.type === 'ack') accepted = Math.max(accepted, at);
      });
    }
  }, 5);
  return {
    acceptedSince: (time: number) => accepted > time,
    stop() {
      clearInterval(timer);
      return Promise.all(said);
    },
  };
}

/** Pings every instance on a connection of its own; gives the longest round trip. */
function watchPings(pingers: readonly Client[]) {
  let asking = true;
  let longest = 0;
  const asked = pingers.map(async (pinger) => {
    while (asking && pinger.ended === null) {
      longest = Math.max(longest, (await pinger.ping()) ?? 0);
      await pause(20);
    }
  });
  return {
    async stop(): Promise<number> {
      asking = false;
      await Promise.all(asked);
      return longest;
    },
  };
}

/** Waits until nobody lacks anything unexplained, or the time for that is over; then every client begins anew. */
async function audit(clients: readonly Client[], said: readonly Said[]) {
  const until = performance.now() + SETTLE_MS;
  for (;;) {
    const found = clients.map((client, i) =>
      losses(
        client,
        said.flatMap(({ text, at, reply }, k) =>
          reply?.type === 'ack' && roomOf(k % clients.length) === roomOf(i)
            ? [{ id: reply.data.id ?? '', seq: reply.data.seq ?? 0, text, at }]
            : [],
        ),
      ),
    );
    const missing = found.reduce((sum, it) => sum + it.missing.length, 0);
    if (missing > 0 && performance.now() < until) {
      await pause(50);
      continue;
    }
    const faults = found.flatMap((it) => it.faults);
    return {
      missing,
      gapped: found.reduce((sum, it) => sum + it.covered, 0),
      doubled: faults.filter((it) => it.endsWith('times')).length,
      faults,
    };
  }
}

/** The rows as a table for a terminal or a CI's page. */
export function table(rows: readonly Row[]): string {
  const head = [
    'round',
    'fault',
    'sent',
    'acked',
    'refused',
    'in a gap',
    'missing',
    'doubled',
    'dead',
    'closed',
    'blocked ms',
    'back ms',
  ];
  const cells = rows.map((row, i) => [
    String(i + 1),
    row.fault,
    ...[
      row.sent,
      row.acked,
      row.refused,
      row.gapped,
      row.missing,
      row.doubled,
      row.dead,
      row.closed,
    ].map(String),
    row.blockedMs.toFixed(0),
    row.backMs.toFixed(0),
  ]);
  const sum = (pick: (row: Row) => number) => String(rows.reduce((all, row) => all + pick(row), 0));
  const most = (pick: (row: Row) => number) => Math.max(...rows.map(pick)).toFixed(0);
  cells.push([
    'all',
    '',
    sum((r) => r.sent),
    sum((r) => r.acked),
    sum((r) => r.refused),
    sum((r) => r.gapped),
    sum((r) => r.missing),
    sum((r) => r.doubled),
    most((r) => r.dead),
    most((r) => r.closed),
    most((r) => r.blockedMs),
    most((r) => r.backMs),
  ]);
  const widths = head.map((name, i) =>
    Math.max(name.length, ...cells.map((row) => row[i]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => cell.padStart(widths[i] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 1)).join(':|')}:|`;
  return [line(head), rule, ...cells.map(line)].join('\n');
}

/** What the rows break of what was promised, a sentence each. */
export function verdict(rows: readonly Row[]): string[] {
  const broken: string[] = [];
  for (const [i, row] of rows.entries()) {
    const say = (text: string) => broken.push(`round ${i + 1}: ${text}`);
    if (row.acked === 0) say('no message was accepted');
    if (row.missing > 0) say(`${row.missing} acknowledged messages are missing without a gap`);
    if (row.doubled > 0) say(`${row.doubled} messages were delivered more than once`);
    for (const fault of row.faults.slice(0, 3)) say(fault);
    if (row.dead > 0) say(`${row.dead} instances have ended`);
    if (row.closed > 0) say(`${row.closed} connections were closed`);
    if (row.blockedMs > 1_000) say(`an instance did not answer for ${row.blockedMs.toFixed(0)} ms`);
    if (row.backMs >= SERVICE_MS) say('service did not come back');
  }
  return broken;
}
