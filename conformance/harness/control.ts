import { runCommand } from './command.js';
import { Inconclusive, messageOf, NotExercised } from './verdict.js';

/** A command line that reads JSON on stdin and writes JSON to stdout, also with the folder it runs in; or a function. */
export type ControlCommand =
  | string
  | { command: string; cwd: string }
  | ((input: unknown) => Promise<unknown>);

const TIMEOUT_MS = 30_000;

/** Why a check is not exercised that needs a control command of this name. */
export const noControl = (name: string): string =>
  `the target has no control command '${name}' (\`control\` in the config)`;

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
  if (command === undefined) throw new NotExercised(noControl(name));
  if (typeof command === 'function') return command(input);
  const { command: line, cwd } =
    typeof command === 'string' ? { command, cwd: undefined } : command;
  const json = JSON.stringify(input ?? {});
  const text = await runCommand(line, json, { cwd, timeoutMs: TIMEOUT_MS }).catch((error) => {
    throw new Inconclusive(`the control command '${name}' ${messageOf(error)}`);
  });
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new Inconclusive(
      `the control command '${name}' has to print JSON, it printed ${JSON.stringify(text.slice(0, 200))}`,
    );
  }
}
