import type { Reporter } from '#conformance/harness/events.js';
import { type FlagName, type Settings, flags as table, variableOf } from './flags.js';

// What a run needs to meet the same server again; the rest is in the config or the environment.
const KEPT: readonly FlagName[] = [
  'start',
  'path',
  'instances',
  'plain',
  'logs',
  'origin',
  'config',
  'token-algorithm',
  'token-key',
  'token-command',
  'token-issuer',
  'token-audience',
  'token-key-id',
];
const SECRET: readonly FlagName[] = ['token-secret', 'session'];

/** A reporter that adds to every failure the command that runs it again. */
export function again(flags: Settings, report: Reporter): Reporter {
  const target = targetWords(flags);
  const command = ['npx parlor test', ...target].join(' ');
  // A rule of every frame may have no check of its own: then the one that received the frame is run.
  const received = new Map<string, string>();
  return (event) => {
    if (event.event === 'finding') received.set(event.rule, event.check);
    if (event.event !== 'check_end' || !event.failure) return report(event);
    const check = event.check.endsWith('/every-frame') ? received.get(event.rule) : undefined;
    // A saved conversation has a command of its own, which knows all but the target.
    const replay = event.failure.replay
      ? [event.failure.replay, ...target].join(' ')
      : `${command} --only ${check ?? event.check}`;
    return report({ ...event, failure: { ...event.failure, replay } });
  };
}

function targetWords(flags: Settings): string[] {
  const words = (flags.url ?? []).map(quoted);
  for (const name of KEPT) {
    const value = flags[name];
    if (value === undefined || value === false) continue;
    if (table[name].value === undefined) words.push(`--${name}`);
    else for (const each of [value].flat()) words.push(`--${name} ${quoted(String(each))}`);
  }
  for (const name of SECRET) {
    if (flags[name] !== undefined) words.push(`--${name} "$${variableOf(name)}"`);
  }
  if (flags['token-leeway'] !== undefined) words.push(`--token-leeway ${flags['token-leeway']}ms`);
  return words;
}

/** A word as a shell reads it back. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
