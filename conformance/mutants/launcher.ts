import type { Instance, Launcher } from '#conformance/harness/process.js';
import { readEnvironment } from '#server/environment.js';
import { defaultParts, type PartsOverrides } from '#server/parts.js';
import { createServer } from '#server/server.js';
import type { Mutant } from './mutant.js';

const KEEP = 65_536;

/** Starts the reference server in this process, with some of its decisions taken wrongly. */
export function launcher(parts: Mutant['parts']): Launcher {
  return (env) => launch(env, parts(defaultParts));
}

async function launch(
  env: Readonly<Record<string, string>>,
  parts: PartsOverrides,
): Promise<Instance> {
  const { options, host } = readEnvironment(env);
  const output = { stdout: '', stderr: '' };
  const server = await createServer({
    ...options,
    parts,
    log: (event) => {
      output.stdout = `${output.stdout}${JSON.stringify(event)}\n`.slice(-KEEP);
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
  const kill = (signal: string) => server.stop().then(() => end({ status: null, signal }));
  const signal = (name: NodeJS.Signals = 'SIGTERM') => {
    if (!running) return;
    // As main.ts has it: a second signal ends at once.
    if (name === 'SIGKILL' || server.draining) void kill(name);
    else
      void server
        .drain(name === 'SIGINT' ? 'shutdown' : 'restart')
        .then(() => end({ status: server.status, signal: null }));
  };
  return {
    url: `ws://${host}:${port}${server.config.path}`,
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
    },
  };
}
