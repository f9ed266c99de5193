import { type Instance, type Launcher, lastLines } from '#conformance/harness/process.js';
import { MemoryBroker } from '#server/broker/memory.js';
import { readEnvironment } from '#server/environment.js';
import { defaultParts, type PartsOverrides, withParts } from '#server/parts.js';
import { createServer } from '#server/server.js';
import { Hub } from './hub.js';
import { type Mutant, withBroker } from './mutant.js';

/** Starts the reference server in this process, with some of its decisions taken wrongly. */
export function launcher({
  parts,
  broker,
  cluster,
}: Pick<Mutant, 'parts' | 'broker' | 'cluster'>): Launcher {
  const hub = cluster ? new Hub(cluster) : null;
  return (env) => launch(env, parts(defaultParts), broker, hub);
}

async function launch(
  env: Readonly<Record<string, string>>,
  parts: PartsOverrides,
  broker: Mutant['broker'],
  hub: Hub | null,
): Promise<Instance> {
  const { options, host } = readEnvironment(env);
  const output = { stdout: '', stderr: '' };
  const { logs } = withParts(parts);
  const server = await createServer({
    ...options,
    parts,
    ...(broker
      ? {
          broker: (_instance, listener, bounds, all) => {
            const right = new MemoryBroker(all, bounds).attach(listener);
            return withBroker(right, broker(right));
          },
        }
      : {}),
    ...(hub ? { broker: hub.make } : {}),
    log: (event) => {
      const line = logs.written(`${JSON.stringify(event)}\n`);
      output.stdout = lastLines(output.stdout + line);
    },
  });
  const port = await server.listen(Number(env['PORT'] ?? 0), host);
  let running = true;
  let end: (how: { status: number | null; signal: string | null }) => void = () => {};
  const exited = new Promise<{ status: number | null; signal: string | null }>((resolve) => {
    end = (how) => {
      running = false;
      resolve(how);
    };
  });
  const url = `ws://${host}:${port}${server.config.path}`;
  hub?.place(server.config.instance, url);
  const kill = (signal: string) => {
    if (signal === 'SIGKILL') hub?.kill(server.config.instance);
    return server.stop().then(() => end({ status: null, signal }));
  };
  const signal = (name: NodeJS.Signals = 'SIGTERM') => {
    if (!running) return;
    // As main.ts has it.
    const order = name === 'SIGTERM' || name === 'SIGINT' ? server.onSignal(name) : 'end';
    if (order === 'ignore') return;
    if (order === 'end') void kill(name);
    else void server.drain(order).then(() => end({ status: server.status, signal: null }));
  };
  return {
    url,
    signal,
    exited,
    output,
    get running() {
      return running;
    },
    async stop() {
      if (running) await kill('SIGKILL');
    },
    control: {
      'session.revoke': async (input) => server.revokeSession((input as { value: string }).value),
      ...(hub
        ? {
            'broker.stop': async (input) => hub.lose((input as { url?: string } | undefined)?.url),
            'broker.start': async (input) =>
              hub.regain((input as { url?: string } | undefined)?.url),
          }
        : {}),
    },
  };
}
