import { spawnSync } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';
import { failed, runCommand } from './command.js';
import { isObject } from './message.js';
import { messageOf, NotExercised, TargetError } from './verdict.js';

/** A command that mints tokens: claims as JSON on standard input, the token on standard output. */
export interface MintCommand {
  line: string;
  /** Folder in which it runs; default the runner's own. */
  cwd?: string | undefined;
}

type Claims = Readonly<Record<string, unknown>>;

const TIMEOUT_MS = 10_000;
// A process each: more at once would keep the machine from what is measured.
const AT_ONCE = 4;

/** Gets tokens from a command of the target's owner, a process for each; equal claims get the same token. */
export class Mint {
  readonly #command: MintCommand;
  readonly #known = new Map<string, string>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(command: MintCommand) {
    this.#command = command;
  }

  /**
   * The algorithm that the command signs with, read from a token of these claims.
   *
   * @throws TargetError when it fails, or prints no token of these claims
   */
  try(claims: Claims): string {
    let token: string;
    try {
      token = this.now(claims);
    } catch (error) {
      throw new TargetError(messageOf(error));
    }
    return String(part(token, 0)?.['alg']);
  }

  /** The token of these claims, at once: nothing else goes on meanwhile. @throws NotExercised when the command fails */
  now(claims: Claims, absent: readonly string[] = []): string {
    const input = JSON.stringify(claims);
    const known = this.#known.get(input);
    if (known !== undefined) return known;
    const { line, cwd } = this.#command;
    const { error, status, stdout, stderr } = spawnSync(line, {
      shell: true,
      cwd,
      input,
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    // A command that does not read its input is free to do so.
    if (error && (error as NodeJS.ErrnoException).code !== 'EPIPE')
      throw refused(`did not end well (${error.message})`);
    if (status !== 0) throw refused(failed(`ended with status ${status}`, stderr));
    return this.#keep(input, stdout, claims, absent);
  }

  /** The same, while other things go on. @throws NotExercised when the command fails */
  async soon(claims: Claims, absent: readonly string[] = []): Promise<string> {
    const input = JSON.stringify(claims);
    const known = this.#known.get(input);
    if (known !== undefined) return known;
    if (this.#running >= AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    try {
      const { line, cwd } = this.#command;
      const stdout = await runCommand(line, input, { cwd, timeoutMs: TIMEOUT_MS }).catch(
        (error) => {
          throw refused(messageOf(error));
        },
      );
      return this.#keep(input, stdout, claims, absent);
    } finally {
      // The place is handed on, or given back.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }

  // A token that says something else would make a right server look wrong.
  #keep(input: string, stdout: string, claims: Claims, absent: readonly string[]): string {
    const token = stdout.trim();
    const payload = part(token, 1);
    if (!payload || token.split('.').length !== 3 || /\s/.test(token))
      throw refused(
        `has to print one token and nothing else, it printed ${JSON.stringify(shown(token))}`,
      );
    for (const [name, value] of Object.entries(claims))
      if (!isDeepStrictEqual(payload[name], JSON.parse(JSON.stringify(value))))
        throw refused(
          `does not sign the claims that it is given: '${name}' has to be ${JSON.stringify(value)}, in its token it is ${JSON.stringify(payload[name])}`,
        );
    const added = absent.find((name) => Object.hasOwn(payload, name));
    if (added !== undefined) throw refused(`puts in the claim '${added}', which it was not given`);
    this.#known.set(input, token);
    return token;
  }
}

function refused(why: string): NotExercised {
  return new NotExercised(`the token command ${why}`);
}

function shown(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

function part(token: string, index: number): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(
      Buffer.from(token.split('.')[index] ?? '', 'base64url').toString('utf8'),
    );
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
