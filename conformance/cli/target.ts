import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { environment } from '#conformance/harness/contract.js';
import type { Target } from '#conformance/harness/target.js';
import { type Algorithm, freshToken, type TokenConfig } from '#conformance/harness/tokens.js';
import { messageOf, UsageError } from '#conformance/harness/verdict.js';
import type { Said } from './settings.js';

type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/**
 * The target that was described.
 *
 * @throws UsageError where none was, or the credentials are incomplete
 */
export function targetOf(said: Said, cwd: string): Target {
  const { url, start, path, instances, logs, origin, control, env, session } = said;
  if (!url && start === undefined) {
    throw new UsageError(
      "there is nothing to test: give a URL (parlor test ws://127.0.0.1:8080/ws), a command (--start '<command>') or a config (parlor init writes one)",
    );
  }
  const token = start === undefined ? givenToken(said, cwd) : startedToken(said, cwd);
  const plain = said.plain ?? (isTransportAlone(said) && !token ? true : undefined);
  if (!token && !plain) {
    throw new UsageError(
      'the runner mints its own tokens: say how the server verifies them with --token-secret, --token-key or --token-command, or test the transport alone with --profile transport',
    );
  }
  return {
    ...(start === undefined
      ? { url: url ?? [] }
      : { start, startOptions: present({ cwd: said.folders.start ?? cwd, path }) }),
    ...present({ instances, env, token, sessions: session, origins: origin, plain, logs }),
    ...(control && { control }),
  };
}

// Nobody needs credentials for the transport, nor has to know of Parlor.
function isTransportAlone({ profile = [], only = [] }: Said): boolean {
  const asked = [...profile, ...only];
  return asked.length > 0 && asked.every((each) => /^transport(-|$)/.test(each));
}

/** Every secret that the run knows, to be taken out of its reports. */
export function secretsOf({ token, sessions = [] }: Target): string[] {
  const all = [token?.secret, token?.privateKey, ...sessions.map(({ value }) => value)];
  return all.filter((each) => each !== undefined);
}

function givenToken(said: Said, cwd: string): TokenConfig | undefined {
  const { 'token-secret': secret, 'token-key': file, 'token-algorithm': algorithm } = said;
  const given = { secret, key: file, command: said['token-command'] };
  const names = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : name));
  if (names.length === 0) return undefined;
  if (names.length > 1) {
    throw new UsageError(`the tokens have a ${names.join(' and a ')}; give one of them`);
  }
  if (given.command !== undefined) {
    const command = { line: given.command, cwd: said.folders['token-command'] ?? cwd };
    return { command, ...present({ algorithm }), ...claims(said) };
  }
  const privateKey = file === undefined ? undefined : readKey(resolve(cwd, file));
  const fitting =
    algorithm ?? (privateKey === undefined ? 'HS256' : algorithmOf(privateKey, file ?? ''));
  return { algorithm: fitting, ...present({ secret, privateKey }), ...claims(said) };
}

// A started server is told what to accept: what was not said is drawn, or taken from the test contract.
function startedToken(said: Said, cwd: string): TokenConfig {
  const contract = environment(said.env ?? {});
  const fresh = givenToken(said, cwd) ?? freshToken(said['token-algorithm'] ?? 'HS256');
  const issuer = contract['PARLOR_TOKEN_ISSUER'];
  const audience = contract['PARLOR_TOKEN_AUDIENCE'];
  const leewayMs = Number(contract['PARLOR_TOKEN_LEEWAY_MS'] ?? 0);
  return { ...present({ issuer, audience, leewayMs }), ...fresh, ...claims(said) };
}

function claims(said: Said): Partial<TokenConfig> {
  return present({
    issuer: said['token-issuer'],
    audience: said['token-audience'],
    leewayMs: said['token-leeway'],
    keyId: said['token-key-id'],
  });
}

function readKey(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`the key ${file} cannot be read: ${messageOf(error)}`);
  }
}

function algorithmOf(pem: string, file: string): Algorithm {
  let type: string | undefined;
  try {
    type = createPrivateKey(pem).asymmetricKeyType;
  } catch (error) {
    throw new UsageError(`the key ${file} is no private key in PEM: ${messageOf(error)}`);
  }
  const table: Record<string, Algorithm> = { rsa: 'RS256', ec: 'ES256', ed25519: 'EdDSA' };
  const found = table[type ?? ''];
  if (!found)
    throw new UsageError(`the key ${file} is of type ${type}; expected rsa, ec or ed25519`);
  return found;
}

function present<T extends object>(object: T): Partial<Present<T>> {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined),
  ) as Partial<Present<T>>;
}
