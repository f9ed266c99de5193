import { createInterface } from 'node:readline/promises';
import { runCli } from './cli/program.js';

// The only file of the suite that knows the process.
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // Whoever asks twice does not want to wait.
    if (interrupted.signal.aborted) process.exit(128 + (signal === 'SIGINT' ? 2 : 15));
    interrupted.abort();
  });
}
// `parlor list | head` closes the pipe before all is written.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const { stdin, stdout, stderr, env } = process;
const code = await runCli(process.argv.slice(2), {
  stdout: (text) => void stdout.write(text),
  stderr: (text) => void stderr.write(text),
  env,
  cwd: process.cwd(),
  node: process.version,
  terminal: stdout.isTTY === true,
  columns: stdout.columns || 80,
  rows: stdout.rows || 24,
  ask: stdin.isTTY ? ask : undefined,
  signal: interrupted.signal,
});
// What still waits for a server would keep the process alive; what was written is let out first.
process.exitCode = code;
stdout.write('', () => stderr.write('', () => process.exit(code)));

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: stdin, output: stdout });
  try {
    return await lines.question(question);
  } finally {
    lines.close();
  }
}
