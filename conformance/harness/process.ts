import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import net from 'node:net';
import type { Env } from './contract.js';
import type { Minter } from './tokens.js';
import { TargetError } from './verdict.js';

/** How a process ended; the status is null after a signal that it did not handle. */
export interface Exit {
  status: number | null;
  signal: string | null;
}

/** One running server, however it was started. */
export interface Instance {
  /** Its WebSocket endpoint. */
  readonly url: string;
  /** Sends a signal, SIGTERM unless another is named, and does not wait. */
  signal(signal?: NodeJS.Signals): void;
  /** Resolves when it has ended. */
  readonly exited: Promise<Exit>;
  /** Ends it: SIGTERM, and SIGKILL when that does not help. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** What it has printed, at least the last 64 KiB of each stream. */
  readonly output: { stdout: string; stderr: string };
  /** Whether it still runs. */
  readonly running: boolean;
  /** Its tokens, where it verifies them with another key than the target. */
  readonly minter?: Minter;
  /** Control commands that only this instance has, by name. */
  readonly control?: Readonly<Record<string, (input: unknown) => Promise<unknown>>>;
}

/** Starts a server with the variables of the test contract; it is ready when the promise resolves. */
export type Launcher = (env: Env) => Promise<Instance>;

/** How a start command is run. */
export interface StartOptions {
  /** Path of the endpoint; default `/ws`. */
  path?: string;
  cwd?: string;
  /** Variables besides those of the contract; default the runner's own. */
  env?: Env;
  /** How long it may take until it listens, in milliseconds; default 15,000. */
  readyMs?: number;
}

const KEEP = 65_536;
const STOP_MS = 5_000;
const POLL_MS = 25;

const alive = new Set<number>();

/** Kills every server that was started and still runs, at once: for a process that is about to end. @public */
export function killStarted(): void {
  for (const pid of alive) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

// Reads a pipe that the runner holds and never writes to: it ends with the runner, however that ends, and then the group is
// not left behind. A subshell starts it, so that a command that waits for its jobs does not wait for this.
const REAPER = '( { read -r _ <&3; kill -9 -$$; } >/dev/null 2>&1 & ); exec 3<&-;';

/** A launcher that runs a command line by the shell. */
export function commandLauncher(command: string, options: StartOptions = {}): Launcher {
  return async (contract) => {
    const port = contract['PORT'] ?? String(await freePort());
    const host = contract['HOST'] ?? '127.0.0.1';
    const env = { ...(options.env ?? process.env), ...contract, PORT: port, HOST: host };
    // A group of its own, so that what the command starts ends with it. The signals reach the shell too: where it has not
    // made way for the command (dash does not), the trap has it wait, and end with the status of the command.
    const child = spawn(`${REAPER} trap : INT TERM; ${command}`, {
      shell: true,
      detached: true,
      cwd: options.cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    const { pid } = child;
    const [, , , lifeline] = child.stdio;
    // That it breaks says only that the group has ended.
    (lifeline as net.Socket | null | undefined)?.on('error', () => {}).unref();
    child.once('exit', () => lifeline?.destroy());
    if (pid !== undefined) {
      alive.add(pid);
      child.once('exit', () => alive.delete(pid));
    }
    const instance = watch(child, `ws://${host}:${port}${options.path ?? '/ws'}`);
    await ready(command, instance, host, Number(port), options.readyMs ?? 15_000);
    return instance;
  };
}

// Below the range from which systems draw the ports of outgoing connections.
const PORTS = { from: 12_000, to: 32_000 };
const given = new Set<number>();

/** A TCP port that nobody listens on at the moment, and that no other server of this runner was given. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.from, PORTS.to);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    if (given.size > 10_000) given.clear();
    return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Whether something accepts TCP connections there. */
function accepts(host: string, port: number, timeoutMs = 2_000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const finish = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.setTimeout(timeoutMs, () => finish(false));
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}

/** Whether something accepts TCP connections at a URL. */
export function listens(address: string): Promise<boolean> {
  const { hostname, port, protocol } = new URL(address);
  return accepts(
    hostname.replace(/^\[(.*)\]$/, '$1'),
    Number(port || (protocol === 'wss:' ? 443 : 80)),
  );
}

/** The last 64 KiB of a text that is twice as long, from the beginning of a line on. */
export function lastLines(text: string): string {
  if (text.length <= 2 * KEEP) return text;
  const kept = text.slice(-KEEP);
  return kept.slice(kept.indexOf('\n') + 1);
}

function watch(child: ChildProcess, url: string): Instance {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8');
    child[name]?.on('data', (text: string) => {
      output[name] = lastLines(output[name] + text);
    });
  }
  let running = true;
  const exited = new Promise<Exit>((resolve) => {
    child.once('error', (error) => {
      running = false;
      output.stderr += error.message;
      resolve({ status: null, signal: null });
    });
    child.once('exit', (status, signal) => {
      running = false;
      resolve({ status, signal });
    });
  });
  const signal = (name: NodeJS.Signals = 'SIGTERM') => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, name);
    } catch (error) {
      // It is gone already: what was wanted.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  return {
    url,
    signal,
    exited,
    output,
    get running() {
      return running;
    },
    async stop(name: NodeJS.Signals = 'SIGTERM') {
      if (running) signal(name);
      const timer = setTimeout(() => signal('SIGKILL'), STOP_MS);
      await exited;
      clearTimeout(timer);
      // The shell may have ended before what it started, and that gives back its port when it is gone.
      signal('SIGKILL');
      const end = performance.now() + STOP_MS;
      while (performance.now() < end && (await listens(url)))
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    },
  };
}

async function ready(
  command: string,
  instance: Instance,
  host: string,
  port: number,
  readyMs: number,
): Promise<void> {
  const end = performance.now() + readyMs;
  while (performance.now() < end) {
    if (!instance.running) {
      throw new TargetError(
        `the start command '${command}' ended ${how(await instance.exited)} before it listened on ${host}:${port}${lastOutput(instance)}`,
      );
    }
    if (await accepts(host, port)) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  await instance.stop('SIGKILL');
  throw new TargetError(
    `the start command '${command}' did not listen on ${host}:${port} (the variables HOST and PORT) within ${readyMs} ms${lastOutput(instance)}`,
  );
}

// A crash of bundled code quotes the whole of it in one line, and what was wrong stands in another.
const LONG_LINE = 500;

/** How a process ended, as a part of a sentence. */
export function how({ status, signal }: Exit): string {
  return signal ? `by ${signal}` : `with status ${status}`;
}

/** The last lines of what an instance printed, as the end of a sentence; empty when it printed nothing. */
export function lastOutput({ output }: Pick<Instance, 'output'>): string {
  const text = (output.stderr.trim() || output.stdout.trim())
    .split('\n')
    .map((line) => (line.length > LONG_LINE ? `${line.slice(0, LONG_LINE)} …`.trim() : line))
    .slice(-15)
    .join('\n')
    .slice(-2_000);
  return text === '' ? '; it printed nothing' : `; its last output:\n${text}`;
}
