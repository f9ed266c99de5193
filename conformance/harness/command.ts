import { spawn } from 'node:child_process';

/** How a command of the target's owner is run. */
export interface CommandOptions {
  /** Folder in which it runs; default the runner's own. */
  cwd?: string | undefined;
  /** After how many milliseconds it is given up. */
  timeoutMs: number;
}

const MAX_OUTPUT = 16 * 1024 * 1024;

/**
 * Runs a command line by the shell, gives it a text on standard input and returns what it prints.
 *
 * @throws Error that says how it failed, to follow the name of the command
 */
export function runCommand(
  command: string,
  input: string,
  { cwd, timeoutMs }: CommandOptions,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, { shell: true, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    const fail = (why: string) => reject(new Error(failed(why, stderr)));
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`did not end within ${timeoutMs / 1000} s`);
    }, timeoutMs);
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      if (stdout.length > MAX_OUTPUT) child.kill('SIGKILL');
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr = (stderr + chunk).slice(-2_000);
    });
    child.once('error', (error) => {
      clearTimeout(timer);
      fail(`did not start (${error.message})`);
    });
    child.once('close', (status) => {
      clearTimeout(timer);
      if (status === 0) resolve(stdout);
      else fail(`ended with status ${status}`);
    });
    // A command that does not read its input is free to do so.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** How a command failed, with the end of what it printed to standard error. */
export function failed(why: string, stderr: string): string {
  const said = stderr.trim().slice(-500);
  return said === '' ? why : `${why}: ${said}`;
}
