import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '#conformance/harness/verdict.js';
import type { Violation } from './judge/findings.js';
import type { Rate } from './reproduce.js';
import { readScript, type Script } from './script.js';
import type { Trace } from './trace.js';

/** Everything that is kept of a failed conversation, as `.parlor/failures/<id>.json` has it. */
export interface Failed {
  /** Version of this file. */
  schema: 1;
  id: string;
  /** The rule that was broken, the root cause. */
  rule: string;
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

/** Reads a failure by its path, or by its id from a folder. @throws Error with one sentence when it cannot */
export function loadFailure(pathOrId: string, folder = failuresFolder): Failed {
  const path = pathOrId.endsWith('.json') ? pathOrId : join(folder, `${pathOrId}.json`);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'), bytesIn);
  } catch (error) {
    throw new Error(`${path} holds no failure that can be read: ${messageOf(error)}`);
  }
  const failed = value as Failed;
  if (
    failed?.schema !== 1 ||
    typeof failed.rule !== 'string' ||
    !Array.isArray(failed.trace?.entries)
  )
    throw new Error(`${path} is no failure of a conversation: schema, rule and trace are expected`);
  readScript(failed.script);
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
