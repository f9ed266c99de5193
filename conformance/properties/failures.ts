import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { messageOf, UsageError } from '#conformance/harness/verdict.js';
import { didYouMean } from '#conformance/nearest.js';
import type { Violation } from './judge/findings.js';
import { isJudged, type JudgedRule } from './judged.js';
import type { Rate } from './reproduce.js';
import { brief, readScript, type Script } from './script.js';
import { readTrace, type Trace } from './trace.js';

/** Everything that is kept of a failed conversation, as `.parlor/failures/<id>.json` has it. */
export interface Failed {
  /** Version of this file. */
  schema: 1;
  id: string;
  /** The rule that was broken, the root cause. */
  rule: JudgedRule;
  /** The conversation, made as small as it got. */
  script: Script;
  /** How often it failed when it was repeated. */
  reproduction: Rate;
  /** Whether the search for a smaller one had to stop early. */
  exhausted: boolean;
  trace: Trace;
  causes: Violation[];
  consequences: Violation[];
}

/** The folder for failures, below the working directory. */
export const failuresFolder = join('.parlor', 'failures');

/** The id of a failure: its rule and a few letters of its script's hash. */
export function failureId(rule: string, script: Script): string {
  return `${rule}-${createHash('sha256').update(JSON.stringify(script)).digest('hex').slice(0, 6)}`;
}

/** Writes a failure into a folder; gives the path. */
export function saveFailure(folder: string, failed: Failed): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${failed.id}.json`);
  writeFileSync(path, `${JSON.stringify(failed, bytesOut, 1)}\n`);
  return path;
}

/**
 * Reads a failure by its path, or by its id from the folder for failures below `cwd`.
 *
 * @throws UsageError with one sentence for what is missing, no JSON, or no failure
 */
export function loadFailure(named: string, cwd = '.'): Failed {
  const file = /\.json$|[\\/]/.test(named);
  const path = file ? resolve(cwd, named) : join(cwd, failuresFolder, `${named}.json`);
  if (!file && !existsSync(path)) throw new UsageError(unknownId(named, join(cwd, failuresFolder)));
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${named} cannot be read: ${messageOf(error)}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text, bytesIn);
  } catch (error) {
    throw new UsageError(`${named} is no JSON: ${messageOf(error)}`);
  }
  try {
    return readFailure(value);
  } catch (error) {
    throw new UsageError(`${named} is no failure of a conversation: ${messageOf(error)}`);
  }
}

function unknownId(id: string, folder: string): string {
  const known = existsSync(folder)
    ? readdirSync(folder).flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -5)] : []))
    : [];
  return `there is no failure '${id}' in ${failuresFolder}${didYouMean(id, known)}`;
}

function readFailure(value: unknown): Failed {
  const failed = value as Failed;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`an object is expected, not ${brief(value)}`);
  if (failed.schema !== 1) throw new Error(`schema is to be 1, not ${brief(failed.schema)}`);
  if (typeof failed.rule !== 'string' || !isJudged(failed.rule))
    throw new Error(`conversations are not judged by a rule ${brief(failed.rule)}`);
  const { hits, runs } = failed.reproduction ?? {};
  if (typeof hits !== 'number' || typeof runs !== 'number')
    throw new Error('reproduction is to hold the numbers hits and runs');
  readScript(failed.script);
  readTrace(failed.trace);
  return failed;
}

// Bytes travel as base64, in an object of their own.
function bytesOut(_key: string, value: unknown): unknown {
  const bytes = value as { type?: string; data?: number[] };
  return bytes?.type === 'Buffer' && Array.isArray(bytes.data)
    ? { base64: Buffer.from(bytes.data).toString('base64') }
    : value;
}

function bytesIn(key: string, value: unknown): unknown {
  const encoded = value as { base64?: string };
  return key === 'payload' && typeof encoded?.base64 === 'string'
    ? Buffer.from(encoded.base64, 'base64')
    : value;
}
