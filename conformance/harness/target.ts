import { contract, environment, type Overrides } from './contract.js';
import type { ControlCommand } from './control.js';
import { inTurn, type Launch } from './instances.js';
import { Interrupted, Interruption } from './interruption.js';
import { commandLauncher, type Instance, type Launcher, type StartOptions } from './process.js';
import { type Algorithm, algorithms, freshToken, Minter, type TokenConfig } from './tokens.js';
import { NotExercised, TargetError, UsageError } from './verdict.js';

/** What is to be tested. One of `url` and `start` is given. */
export interface Target {
  /** WebSocket endpoint, or those of a cluster's instances. */
  url?: string | readonly string[];
  /** A command that the runner starts and ends, or a function that does so in this process. */
  start?: string | Launcher;
  startOptions?: StartOptions;
  /** How many instances of `start` make the cluster; default 1. */
  instances?: number;
  /** Contract variables for every started server. */
  env?: Overrides;
  /** How the target verifies tokens; a started server gets fresh ones where this is absent. */
  token?: TokenConfig;
  /** Valid session cookies and their users. */
  sessions?: readonly { value: string; user: string }[];
  /** Allowed `Origin` values of a target that was not started here. */
  origins?: readonly string[];
  control?: Readonly<Record<string, ControlCommand>>;
  /** It knows nothing of Parlor: only the checks of the transport are run. */
  plain?: boolean;
  /** Whether a started server's output is its structured log. */
  logs?: boolean;
}

/** A target that runs: its addresses and everything that the checks need to know of it. */
export interface RunningTarget {
  readonly urls: readonly string[];
  readonly command: string | undefined;
  readonly instances: readonly Instance[];
  readonly minter: Minter | undefined;
  readonly sessions: readonly { value: string; user: string }[];
  /** Sessions that no check has been given yet: whoever takes one may have it revoked. */
  readonly spareSessions: { value: string; user: string }[];
  readonly origins: readonly string[];
  readonly control: Readonly<Record<string, ControlCommand>>;
  readonly plain: boolean;
  readonly logs: boolean;
  /** Starts a further server, on its own, with these variables on top. */
  readonly launch: Launch | undefined;
  /** Ends all instances and starts them again, at their addresses. */
  readonly restart: (() => Promise<void>) | undefined;
  stop(): Promise<void>;
}

// Servers that start at the same time.
const STARTS = 3;
const SESSIONS = [
  { value: 'session-of-ann-7f1d0c', user: 'session-ann' },
  { value: 'session-of-bob-93be42', user: 'session-bob' },
  ...['cat', 'dan'].flatMap((name) =>
    ['5c07e1', '28aa9f', 'b46d30', 'e91f72'].map((end) => ({
      value: `session-of-${name}-${end}`,
      user: `session-${name}`,
    })),
  ),
];
// So many sessions stay valid through a run; checks may have the others revoked.
const KEPT = 2;

/**
 * Starts the target, or takes it as it runs. Nothing is started once the run is to end.
 *
 * @throws UsageError when it is not well described
 * @throws TargetError when it does not start
 */
export async function prepare(
  target: Target,
  interruption = new Interruption(),
): Promise<RunningTarget> {
  if ((target.url === undefined) === (target.start === undefined))
    throw new UsageError('a target has either a url or a start command');
  return target.start === undefined ? given(target) : started(target, target.start, interruption);
}

function given(target: Target): RunningTarget {
  const urls = (typeof target.url === 'string' ? [target.url] : (target.url ?? [])).map(readUrl);
  if (urls.length === 0) throw new UsageError('the target names no url');
  return {
    urls,
    command: undefined,
    instances: [],
    minter: target.token && new Minter(target.token),
    sessions: target.sessions ?? [],
    spareSessions: (target.sessions ?? []).slice(KEPT),
    origins: target.origins ?? [],
    control: target.control ?? {},
    plain: target.plain ?? false,
    logs: target.control?.['logs.read'] !== undefined,
    launch: undefined,
    restart: undefined,
    stop: async () => {},
  };
}

async function started(
  target: Target,
  command: string | Launcher,
  interruption: Interruption,
): Promise<RunningTarget> {
  const launcher =
    typeof command === 'string' ? commandLauncher(command, target.startOptions) : command;
  const base = environment(target.env ?? {});
  const fresh = {
    ...freshToken('HS256'),
    issuer: base['PARLOR_TOKEN_ISSUER'],
    audience: base['PARLOR_TOKEN_AUDIENCE'],
  };
  const leewayMs = target.token?.leewayMs ?? Number(base['PARLOR_TOKEN_LEEWAY_MS'] ?? 0);
  const token = { ...(target.token ?? (fresh as TokenConfig)), leewayMs };
  const sessions = target.sessions ?? SESSIONS;
  const minter = new Minter(token);
  const secrets: Overrides = {
    PARLOR_TOKEN_ALGORITHM: minter.config.algorithm,
    PARLOR_TOKEN_SECRET: token.secret,
    PARLOR_TOKEN_PUBLIC_KEY: token.privateKey
      ? (minter.publicKey.export({ type: 'spki', format: 'pem' }) as string)
      : undefined,
    PARLOR_TOKEN_ISSUER: token.issuer,
    PARLOR_TOKEN_AUDIENCE: token.audience,
    PARLOR_SESSIONS: sessions.map(({ value, user }) => `${value}=${user}`).join(','),
  };
  const launch = inTurn(async (overrides) => {
    interruption.check();
    const other = otherKey(overrides);
    const told = { PARLOR_TOKEN_LEEWAY_MS: String(leewayMs) };
    const env = environment(secrets, target.env ?? {}, told, other?.env ?? {}, overrides);
    const instance = await launcher(env);
    const { issuer, audience } = token;
    return other
      ? Object.assign(instance, {
          minter: new Minter(merged(other.token, { issuer, audience, leewayMs })),
        })
      : instance;
  }, STARTS);
  const count = target.instances ?? 1;
  const instances: Instance[] = [];
  const start = (index: number, overrides: Overrides = {}) =>
    launch({ ...(count > 1 && { PARLOR_INSTANCE: `instance-${index + 1}` }), ...overrides });
  const restart = async () => {
    for (const [index, instance] of instances.entries()) {
      await instance.stop('SIGKILL');
      instances[index] = await start(index, { PORT: new URL(instance.url).port });
    }
  };
  const stop = async () => {
    await Promise.all(instances.map((instance) => instance.stop()));
  };
  try {
    for (let index = 0; index < count; index += 1) instances.push(await start(index));
  } catch (error) {
    await stop();
    const known = error instanceof TargetError || error instanceof Interrupted;
    throw known ? error : new TargetError((error as Error).message);
  }
  return {
    urls: instances.map(({ url }) => url),
    command: typeof command === 'string' ? command : undefined,
    instances,
    minter,
    sessions,
    spareSessions: sessions.slice(KEPT),
    origins: (base['PARLOR_ALLOWED_ORIGINS'] ?? '').split(',').filter((each) => each !== ''),
    control: { ...instances[0]?.control, ...target.control },
    plain: target.plain ?? false,
    logs: target.logs ?? target.control?.['logs.read'] !== undefined,
    launch: (overrides) => launch(overrides).catch((error) => lacking(overrides, error)),
    restart,
    stop,
  };
}

// Not every server knows every algorithm or fetches key sets: one that does not start with them lacks them.
function lacking(overrides: Overrides, error: unknown): never {
  const given = Object.entries(overrides).flatMap(([name, value]) => (value ? [name] : []));
  const optional = given.filter(
    (name) =>
      name === 'PARLOR_TOKEN_ALGORITHM' ||
      contract.some((row) => row.name === name && row.name !== 'PORT' && row.default === null),
  );
  if (!(error instanceof TargetError) || optional.length === 0) throw error;
  throw new NotExercised(`the server does not start with ${optional.join(', ')}: ${error.message}`);
}

// One for each algorithm is enough.
const keys = new Map<Algorithm, ReturnType<typeof freshToken>>();

// A server that is started with another algorithm and no key gets one for it.
function otherKey(
  overrides: Overrides,
): { token: ReturnType<typeof freshToken>; env: Overrides } | undefined {
  const algorithm = algorithms.find((each) => each === overrides.PARLOR_TOKEN_ALGORITHM);
  const { PARLOR_TOKEN_SECRET, PARLOR_TOKEN_PUBLIC_KEY, PARLOR_TOKEN_JWKS_URL } = overrides;
  const given = PARLOR_TOKEN_SECRET ?? PARLOR_TOKEN_PUBLIC_KEY ?? PARLOR_TOKEN_JWKS_URL;
  if (!algorithm || given !== undefined) return undefined;
  const token = keys.get(algorithm) ?? freshToken(algorithm);
  keys.set(algorithm, token);
  return {
    token,
    env: { PARLOR_TOKEN_SECRET: token.secret, PARLOR_TOKEN_PUBLIC_KEY: token.publicKey },
  };
}

function merged<T extends object>(base: T, more: { [name: string]: unknown }): T {
  const defined = Object.entries(more).filter(([, value]) => value !== undefined);
  return { ...base, ...Object.fromEntries(defined) };
}

function readUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new UsageError(`'${text}' is no URL; expected something like ws://127.0.0.1:8080/ws`);
  }
  const scheme = { 'ws:': 'ws:', 'wss:': 'wss:', 'http:': 'ws:', 'https:': 'wss:' }[url.protocol];
  if (!scheme)
    throw new UsageError(`'${text}' begins with ${url.protocol}//; expected ws:// or wss://`);
  url.protocol = scheme;
  if (url.hash)
    throw new UsageError(`'${text}' has a fragment, which a WebSocket URL must not have`);
  return url.href;
}
