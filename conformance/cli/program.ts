import { Command, CommanderError, Option } from 'commander';
import { messageOf, UsageError } from '#conformance/harness/verdict.js';
import { diff } from './diff.js';
import { explain } from './explain.js';
import { type FlagName, put, type Settings, flags as table } from './flags.js';
import { type InitOptions, init } from './init.js';
import type { Io } from './io.js';
import { judge, replay } from './judge.js';
import { list } from './list.js';
import { packageVersion } from './package.js';
import { recheck } from './recheck.js';
import { selftest } from './selftest.js';
import { serve } from './serve.js';

const USAGE = 64;
const BUG = 5;

/** Runs one command line; returns the exit code, and never throws. */
export async function runCli(args: readonly string[], io: Io): Promise<number> {
  let code = 0;
  const program = build(io, (result) => {
    code = result;
  });
  try {
    if (args.length === 0) {
      program.outputHelp({ error: true });
      return USAGE;
    }
    await program.parseAsync(args.flatMap(apart), { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
    if (error instanceof UsageError) {
      for (const line of error.message.split('\n')) io.stderr(`parlor: ${line}\n`);
      return USAGE;
    }
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    io.stderr(`parlor: a bug of its own, please report it: ${messageOf(error)}\n${stack}\n`);
    return BUG;
  }
}

function build(io: Io, done: (code: number) => void): Command {
  const program = new Command('parlor')
    .description('Judges servers that speak Parlor v1, authenticated rooms over WebSocket.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('--help', 'print help')
    .exitOverride()
    .configureOutput({
      writeOut: io.stdout,
      writeErr: io.stderr,
      getOutHelpWidth: () => io.columns,
      getErrHelpWidth: () => io.columns,
      outputError: (text, write) => write(`parlor: ${oneLine(text)}\n`),
    });
  addTest(program, io, done);
  addReplay(program, io, done);
  addSelftest(program, io, done);
  program
    .command('list')
    .description('every rule, with its checks and mutants')
    .argument('[selector...]', 'chapters, rules or prefixes')
    .option('--json', 'as JSON')
    .action((selectors: string[], { json = false }: { json?: boolean }) =>
      list(selectors, json, io),
    );
  program
    .command('explain')
    .description('one rule: its sentence, why it is there, how it is tested')
    .argument('<rule>', 'the id of a rule')
    .option('--json', 'as JSON')
    .action((rule: string, { json = false }: { json?: boolean }) => explain(rule, json, io));
  program
    .command('init')
    .description('write a config and a CI workflow')
    .option('--url <url>', 'the server runs there')
    .option('--start <command>', 'the runner starts the server with this')
    .option('--yes', 'ask nothing')
    .option('--force', 'overwrite what is there')
    .option('--no-ci', 'no workflow')
    .action(({ ci, ...options }: InitOptions) =>
      init(ci === false ? { ...options, ci } : options, io),
    );
  program
    .command('diff')
    .description('what changed between two JSON reports; exits with 1 when something got worse')
    .argument('<before>', 'the JSON report of an earlier run')
    .argument('<after>', 'the JSON report of a later run')
    .option('--json', 'as JSON')
    .action((before: string, after: string, { json = false }: { json?: boolean }) =>
      done(diff(before, after, json, io)),
    );
  program
    .command('recheck')
    .description('judge a saved conversation again, without a server; exits with 1 when it fails')
    .argument('<failure>', 'its id, or the path of its file')
    .option('--json', 'as JSON')
    .action(async (named: string, { json = false }: { json?: boolean }) =>
      done(await recheck(named, json, io)),
    );
  program
    .command('serve')
    .description('run the reference server; its settings are the variables of the test contract')
    .option('--port <port>', 'TCP port')
    .option('--host <address>', 'address to listen on')
    .action(async (options: { port?: string; host?: string }) => done(await serve(options, io)));
  return program;
}

function addTest(program: Command, io: Io, done: (code: number) => void): void {
  const command = program
    .command('test')
    .description('judge a server')
    .argument('[target...]', 'URLs of the server, and chapters, rules or prefixes to run')
    .addHelpText('after', `\n${NOTES}`);
  addFlags(command, Object.keys(table) as FlagName[]);
  command.action(async (words: string[], options: Record<string, unknown>) =>
    done(await judge(settingsOf(words, options), io)),
  );
}

function addReplay(program: Command, io: Io, done: (code: number) => void): void {
  const command = program
    .command('replay')
    .description('hold a saved conversation again, ten times')
    .argument('<id>', 'the id of a failure, or the path of its file')
    .argument('[url...]', 'URLs of the server')
    .addHelpText('after', `\n${NOTES}`);
  addFlags(command, REPLAYED);
  command.action(async (named: string, words: string[], options: Record<string, unknown>) =>
    done(await replay(named, replaySettings(words, options), io)),
  );
}

function addSelftest(program: Command, io: Io, done: (code: number) => void): void {
  const command = program
    .command('selftest')
    .description('put faults between the suite and a server, to show that they are noticed')
    .argument('[target...]', 'URLs of the server')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 all noticed, 1 one was not, 3 none could be tried, 4 target\nunreachable, 5 bug of the suite, 64 usage.',
    );
  addFlags(
    command,
    REPLAYED.filter((name) => table[name].group !== 'Reports:'),
  );
  command.action(async (words: string[], { json = false, ...options }: Record<string, unknown>) =>
    done(await selftest(replaySettings(words, options), json === true, io)),
  );
}

/** What a single conversation has a use for: the target, the credentials and the reports. */
const REPLAYED = (Object.keys(table) as FlagName[]).filter((name) =>
  ['Target:', 'Credentials:', 'Reports:'].includes(table[name].group),
);

function replaySettings(words: readonly string[], options: Record<string, unknown>): Settings {
  const stray = words.find((word) => !word.includes('://'));
  if (stray !== undefined)
    throw new UsageError(`'${stray}' is no URL such as ws://127.0.0.1:8080/ws`);
  return settingsOf(words, options);
}

function addFlags(command: Command, names: readonly FlagName[]): void {
  for (const name of names) {
    const { value, help, group, many } = table[name];
    const option = new Option(`--${name}${value === undefined ? '' : ` ${value}`}`, help).helpGroup(
      group,
    );
    if (value !== undefined) {
      option.argParser((text: string, before: string[] | undefined) =>
        many && before ? [...before, text] : [text],
      );
    }
    command.addOption(option);
  }
}

const NOTES = `Each flag is also a variable (--fail-on: PARLOR_TEST_FAIL_ON), and most are
settings of the config.
Exit codes: 0 conforms, 1 violation, 2 stale known failures, 3 undecided,
4 target unreachable, 5 bug of the suite, 64 usage.`;

const isList = (name: FlagName) => table[name].value?.endsWith('...>') === true;

// What follows `--skip=a` belongs to the list as much as what follows `--skip a`.
function apart(word: string): string[] {
  const [, name, first] = /^--([a-z-]+)=([^-].*)$/s.exec(word) ?? [];
  const known = (Object.keys(table) as FlagName[]).find((each) => each === name);
  return known && first !== undefined && isList(known) ? [`--${known}`, first] : [word];
}

const isUrl = (word: string) => word.includes('://');

function settingsOf(words: readonly string[], options: Record<string, unknown>): Settings {
  const settings: Settings = {};
  const urls = words.filter(isUrl);
  const selectors = words.filter((word) => !isUrl(word));
  for (const name of Object.keys(table) as FlagName[]) {
    const value = options[camel(name)];
    if (value === undefined) continue;
    let texts: string[] = Array.isArray(value) ? value : [String(value)];
    // A list ends at the next flag, or at the target: no selector and no profile is a URL.
    if (isList(name)) {
      urls.push(...texts.filter(isUrl));
      texts = texts.filter((text) => !isUrl(text));
      if (texts.length === 0) throw new UsageError(`--${name} names nothing before the target`);
    }
    put(settings, name, texts, `--${name}`);
  }
  for (const word of selectors) {
    if (!/^[a-z][a-z0-9_-]*(\/[a-z0-9_-]+)?$/.test(word)) {
      throw new UsageError(
        `'${word}' is neither a URL such as ws://127.0.0.1:8080/ws nor a chapter, rule or prefix`,
      );
    }
  }
  if (urls.length > 0) put(settings, 'url', [...urls, ...(settings.url ?? [])], 'the target');
  if (selectors.length > 0) settings.only = [...selectors, ...(settings.only ?? [])];
  return settings;
}

function camel(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

// Commander says `error: …` and puts its suggestion on a line of its own.
function oneLine(text: string): string {
  return text
    .replace(/^error: /, '')
    .trim()
    .replace(/\s*\n\s*/g, ' ');
}
