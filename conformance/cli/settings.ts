import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { ControlCommand } from '#conformance/harness/control.js';
import { UsageError } from '#conformance/harness/verdict.js';
import { type Config, configNames, loadConfig, loadKnownFailures } from '../config.js';
import { type FlagName, put, type Settings, flags as table } from './flags.js';

/** All that was said by flags, variables and config, the nearer before the farther. */
export interface Said extends Settings {
  control?: Record<string, ControlCommand>;
  env?: NonNullable<Config['env']>;
  accepted?: NonNullable<Config['known_failures']>;
  profiles?: NonNullable<Config['profiles']>;
  /** Where commands run that a config gives: its own folder. */
  folders: { start?: string; 'token-command'?: string };
}

/**
 * Joins flags, variables and config: a flag wins over a variable, a variable over the config.
 *
 * @throws UsageError for a config or a list of known failures that cannot be read
 */
export function gather(flags: Settings, variables: Settings, cwd: string): Said {
  const file = configPath(flags.config ?? variables.config, cwd);
  const config = file === undefined ? {} : fromConfig(loadConfig(file), dirname(file));
  let said: Said = { folders: {} };
  for (const layer of [config, variables, flags]) said = over(said, layer);
  if (said['known-failures'] !== undefined) {
    said.accepted = loadKnownFailures(resolve(cwd, said['known-failures']));
  }
  return said;
}

function configPath(named: string | undefined, cwd: string): string | undefined {
  if (named !== undefined) return resolve(cwd, named);
  return configNames.map((name) => resolve(cwd, name)).find((file) => existsSync(file));
}

const targets = ['url', 'start'] as const;
const credentials = ['token-secret', 'token-key', 'token-command'] as const;

// A nearer target takes the place of a farther one, also of the other kind; so do nearer credentials.
function over(said: Said, layer: Partial<Said>): Said {
  if (layer.url && layer.start !== undefined) {
    throw new UsageError('the target has a URL and a start command; give one of them');
  }
  const kept = { ...said };
  for (const kinds of [targets, credentials])
    if (kinds.some((name) => layer[name] !== undefined))
      for (const name of kinds) delete kept[name];
  // A level that is given by flag or variable is meant for all.
  if (layer['fail-on'] !== undefined && kept.profiles) kept.profiles = levelled(kept.profiles);
  const folders = { ...said.folders, ...layer.folders };
  // What a flag or a variable says runs where the runner does.
  for (const name of ['start', 'token-command'] as const)
    if (layer[name] !== undefined && !layer.folders) delete folders[name];
  return { ...kept, ...layer, folders };
}

function levelled(profiles: NonNullable<Config['profiles']>): NonNullable<Config['profiles']> {
  return Object.fromEntries(
    Object.entries(profiles).map(([name, { fail_on: _, ...rest }]) => [name, rest]),
  );
}

// Paths in a config are meant from where it stands.
function fromConfig(config: Config, folder: string): Partial<Said> {
  const { token = {}, settings = {}, session, control, env, known_failures, profiles } = config;
  const said: Partial<Said> = { folders: { start: folder, 'token-command': folder } };
  const say = (name: FlagName, value: unknown) => {
    if (value === undefined) return;
    const texts = Array.isArray(value) ? value.map(String) : [String(value)];
    put(said, name, texts, `the config's ${settingOf(name)}`);
  };
  if (config.url !== undefined && config.urls) {
    throw new UsageError("the config has 'url' and 'urls'; give one of them");
  }
  say('url', config.urls ?? config.url);
  for (const name of ['start', 'path', 'instances', 'plain', 'logs', 'require'] as const)
    say(name, config[name]);
  say('origin', config.origins);
  say('session', session && Object.entries(session).map(([value, user]) => `${value}=${user}`));
  const { leeway_ms, key, ...claims } = token;
  say('token-leeway', leeway_ms === undefined ? undefined : `${leeway_ms}ms`);
  say('token-key', key === undefined ? undefined : resolve(folder, key));
  for (const [name, value] of Object.entries(claims))
    say(`token-${name}`.replaceAll('_', '-') as FlagName, value);
  for (const [name, value] of Object.entries(settings))
    say(name.replaceAll('_', '-') as FlagName, value);
  const reports = said.report?.map(({ kind, path }) => ({
    kind,
    path: path === '-' ? path : resolve(folder, path),
  }));
  return {
    ...said,
    ...(reports === undefined ? {} : { report: reports }),
    ...(control === undefined ? {} : { control: commandsIn(folder, control) }),
    ...(env === undefined ? {} : { env }),
    ...(known_failures === undefined ? {} : { accepted: known_failures }),
    ...(profiles === undefined ? {} : { profiles }),
  };
}

function commandsIn(
  folder: string,
  control: NonNullable<Config['control']>,
): Record<string, ControlCommand> {
  return Object.fromEntries(
    Object.entries(control).map(([name, command]) => [name, { command, cwd: folder }]),
  );
}

function settingOf(name: FlagName): string {
  return `${table[name].group === 'Target:' ? '' : 'setting '}'${name.replaceAll('-', '_')}'`;
}
