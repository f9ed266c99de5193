import { algorithms } from '#conformance/harness/tokens.js';
import { UsageError } from '#conformance/harness/verdict.js';
import { alternatives, nearest } from '#conformance/nearest.js';
import { parseReportFile } from '#conformance/reports/files.js';
import {
  choice,
  duration,
  path,
  positive,
  type Read,
  session,
  shard,
  text,
  url,
  whole,
  yesOrNo,
} from './readers.js';

/** One flag of `parlor test`: what it is called, how its text is read, what it means. */
export interface Flag<T> {
  group: string;
  /** The placeholder of its value, with `...` where several may follow; undefined for a flag that is only on or off. */
  value: string | undefined;
  /** It may be given several times. */
  many: boolean;
  help: string;
  /** @throws UsageError that begins with `from`, the name of the flag or variable */
  read(texts: readonly string[], from: string): T;
}

function one<T>(group: string, value: string, help: string, read: Read<T>): Flag<T> {
  return { group, value, many: false, help, read: (texts, from) => read(texts.at(-1) ?? '', from) };
}

function many<T>(group: string, value: string, help: string, read: Read<T>): Flag<T[]> {
  return {
    group,
    value,
    many: true,
    help,
    read: (texts, from) => texts.map((text) => read(text, from)),
  };
}

function on(group: string, help: string): Flag<boolean> {
  return {
    group,
    value: undefined,
    many: false,
    help,
    read: (texts, from) => yesOrNo(texts.at(-1) ?? 'true', from),
  };
}

const [TARGET, TOKENS, SELECTION, RUN, REPORTS] = [
  'Target:',
  'Credentials:',
  'Selection:',
  'Run:',
  'Reports:',
];

/** The flags of `parlor test`; the name of each is also that of its variable and of its config setting. */
export const flags = {
  url: many(
    TARGET,
    '<url>',
    'WebSocket URL of the server; several: the instances of one cluster',
    url,
  ),
  start: one(
    TARGET,
    '<command>',
    'command that starts the server; it finds PORT in its environment',
    text,
  ),
  path: one(TARGET, '<path>', 'path of the endpoint of a started server (default /ws)', path),
  instances: one(TARGET, '<n>', 'how many instances of the start command make a cluster', positive),
  plain: on(TARGET, 'the server knows nothing of Parlor: test the transport only'),
  logs: on(TARGET, 'the output of the started server is its structured log'),
  origin: many(TARGET, '<origin>', 'an Origin that the server allows', text),
  config: one(
    TARGET,
    '<file>',
    'config file (default parlor.config.jsonc or .json, if it exists)',
    text,
  ),
  'token-algorithm': one(
    TOKENS,
    '<name>',
    `algorithm of the tokens: ${alternatives(algorithms)}`,
    choice(algorithms),
  ),
  'token-secret': one(TOKENS, '<secret>', 'shared secret, for HS256', text),
  'token-key': one(TOKENS, '<file>', 'PEM file with the private key, for the others', text),
  'token-command': one(
    TOKENS,
    '<command>',
    'command that mints: claims as JSON on stdin, the token on stdout',
    text,
  ),
  'token-issuer': one(TOKENS, '<text>', '`iss` of every token', text),
  'token-audience': one(TOKENS, '<text>', '`aud` of every token', text),
  'token-leeway': one(TOKENS, '<time>', 'tolerance of the server for expiry, such as 5s', duration),
  'token-key-id': one(TOKENS, '<text>', '`kid` of every token', text),
  session: many(TOKENS, '<value=user>', 'a valid cookie session_token and its user', session),
  only: many(SELECTION, '<selector...>', 'chapters, rules or prefixes to run', text),
  skip: many(SELECTION, '<selector...>', 'chapters, rules or prefixes to leave out', text),
  profile: many(SELECTION, '<profile...>', 'profiles to run', text),
  shard: one(SELECTION, '<i/n>', 'run the i-th of n parts of the checks', shard),
  require: many(RUN, '<profile...>', 'profiles that the server has to announce', text),
  'fail-on': one(
    RUN,
    '<level>',
    'lowest level that fails the run: must or should',
    choice(['must', 'should'] as const),
  ),
  'known-failures': one(RUN, '<file>', 'JSON file of failures accepted for now', text),
  'min-checks': one(RUN, '<n>', 'fewer decided checks than this are undecided', positive),
  bail: on(RUN, 'stop at the first failure'),
  jobs: one(RUN, '<n>', 'how many checks run side by side', positive),
  seed: one(RUN, '<n>', 'seed of generated conversations', whole),
  time: one(RUN, '<seconds>', 'how long to generate conversations; 0: not at all', whole),
  report: many(
    REPORTS,
    '<kind=path>',
    'json, ndjson, junit, html, markdown, annotations or badge; - is stdout',
    parseReportFile,
  ),
  coverage: on(REPORTS, 'show what generated conversations exercised'),
  'profile-run': on(REPORTS, 'show where the time went'),
} as const satisfies Record<string, Flag<unknown>>;

/** The name of a flag, without its dashes. */
export type FlagName = keyof typeof flags;

/** What flags, variables and config say, each read. */
export type Settings = { [K in FlagName]?: ReturnType<(typeof flags)[K]['read']> };

/** The environment variable that says the same as a flag. */
export function variableOf(name: string): string {
  return `PARLOR_TEST_${name.replaceAll('-', '_').toUpperCase()}`;
}

/**
 * Reads the settings that the environment makes.
 *
 * @throws UsageError for a variable that no flag has, or a value that cannot be read
 */
export function fromEnvironment(env: Readonly<Record<string, string | undefined>>): Settings {
  const names = new Map(Object.keys(flags).map((name) => [variableOf(name), name as FlagName]));
  const found: Settings = {};
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith('PARLOR_TEST_') || value === undefined) continue;
    const name = names.get(variable);
    if (!name) {
      // The common prefix would make every two of them alike.
      const [meant] = nearest(bare(variable), [...names.keys()].map(bare));
      const hint = meant === undefined ? '' : `; did you mean PARLOR_TEST_${meant}?`;
      throw new UsageError(`parlor knows no variable ${variable}${hint}`);
    }
    if (value !== '') put(found, name, flags[name].many ? split(value) : [value], variable);
  }
  return found;
}

/** Reads one setting into a record of them. @throws UsageError for a value that cannot be read */
export function put(
  settings: Settings,
  name: FlagName,
  texts: readonly string[],
  from: string,
): void {
  // Each reader makes the type of its own name, which the compiler cannot follow through a variable.
  (settings as Record<string, unknown>)[name] = flags[name].read(texts, from);
}

function bare(variable: string): string {
  return variable.slice('PARLOR_TEST_'.length);
}

function split(text: string): string[] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}
