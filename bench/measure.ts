import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Client, clients, parlorUrl, SECRET, type ServerName } from './clients.js';
import type { Usage } from './servers/report.js';

/** A server process under measurement. */
export interface Subject {
  readonly name: ServerName;
  connect(count: number, user?: (index: number) => string): Promise<Client[]>;
  /** The WebSocket endpoint of the reference server, with a token of the user. */
  url(user: string): Promise<string>;
  /** What it uses; garbage is collected first unless said otherwise. */
  usage(collect?: boolean): Promise<Usage>;
  stop(): void;
}

const ENV = {
  PARLOR_TOKEN_SECRET: SECRET,
  PARLOR_MESSAGES_LIMIT: '1000000',
  PARLOR_CONTROL_LIMIT: '1000000',
  PARLOR_MAX_CONNECTIONS_PER_USER: '1000000',
  PARLOR_MAX_QUEUE_BYTES: '100000000',
  PARLOR_FEATURES: 'operations',
};

/** Starts one of the servers as a process of its own. */
export async function start(
  name: ServerName,
  env: Readonly<Record<string, string>> = {},
): Promise<Subject> {
  const file = fileURLToPath(new URL(`./servers/${name}.ts`, import.meta.url));
  const child = fork(file, {
    env: { ...process.env, ...ENV, ...env },
    execArgv: ['--conditions=source', '--import', 'tsx', '--expose-gc'],
  });
  const { port } = await answer<{ port: number }>(child);
  return {
    name,
    connect: async (count, user = (index) => `user-${index}`) => {
      const all: Client[] = [];
      for (let i = 0; i < count; i += 50) {
        const batch = Array.from({ length: Math.min(50, count - i) }, (_, j) =>
          clients[name](port, user(i + j)),
        );
        all.push(...(await Promise.all(batch)));
      }
      return all;
    },
    url: (user) => parlorUrl(port, user),
    usage: async (collect = true) => {
      child.send(collect ? 'collect' : 'as it is');
      return (await answer<{ usage: Usage }>(child)).usage;
    },
    stop: () => void child.kill('SIGKILL'),
  };
}

function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as T));
    child.once('exit', () => reject(new Error('the server under measurement has ended')));
  });
}

/** CPU time of the server for a piece of work, in microseconds. */
export async function cpu(subject: Subject, work: () => Promise<void>): Promise<number> {
  const before = await subject.usage();
  await work();
  return (await subject.usage(false)).cpu_us - before.cpu_us;
}

/** The middle one of some numbers. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
