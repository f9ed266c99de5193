import { spawn } from 'node:child_process';
import { Inconclusive, NotExercised } from './verdict.js';

/** A control command: a command line that reads JSON on stdin and writes JSON to stdout, or a function. */
export type ControlCommand = string | ((input: unknown) => Promise<unknown>);

const TIMEOUT_MS = 30_000;
const MAX_OUTPUT = 16 * 1024 * 1024;

/**
 * Runs a control command.
 *
 * @throws NotExercised when the target has none of that name
 * @throws Inconclusive when it fails: the situation that the check needs never came about
 */
export async function runControl(
  commands: Readonly<Record<string, ControlCommand>>,
  name: string,
  input: unknown,
): Promise<unknown> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw new NotExercised(`the target has no control command '${name}'`);
  if (typeof command === 'function') return command(input);
  const text = await execute(command, JSON.stringify(input ?? {}), name);
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new Inconclusive(
      `the control command '${name}' has to print JSON, it printed ${JSON.stringify(text.slice(0, 200))}`,
    );
  }
}

function execute(command: string, input: string, name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, { shell: true, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    const fail = (why: string) =>
      reject(
        new Inconclusive(`the control command '${name}' ${why}: ${stderr.trim().slice(-500)}`),
      );
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`did not end within ${TIMEOUT_MS / 1000} s`);
    }, TIMEOUT_MS);
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      if (stdout.length > MAX_OUTPUT) child.kill('SIGKILL');
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr = (stderr + chunk).slice(-2_000);
    });
    child.once('error', (error) => fail(`did not start (${error.message})`));
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
