import { setImmediate } from 'node:timers/promises';
import { closes } from '#schemas/closes.js';
import { messages as registry } from '#schemas/registry.js';
import { type Fault as SchemaFault, validateAck, validateServer } from '#schemas/validate.js';
import type { Message } from './message.js';
import type { RuleId } from './requirements.js';

/** A rule broken by something received, whatever the check was about. */
export interface FrameFault {
  rule: RuleId;
  expected: string;
  actual: string;
}

/** Rules that every frame of a run is held to; their checks end last, when all frames have been seen. */
export const ambient: ReadonlySet<RuleId> = new Set<RuleId>([
  'transport-server-frames-well-formed',
  'transport-accept-value-correct',
  'transport-extension-only-when-offered',
  'transport-deflate-response-valid',
  'handshake-unoffered-never-selected',
  'messages-json-object',
  'messages-schema-valid',
  'messages-timestamp-form',
  'messages-type-announced',
  'messages-no-binary-unannounced',
  'messages-events-without-ref',
  'closes-code-registered',
  'closes-reason-registered',
  'closes-reason-grammar',
  'closes-retry-after',
]);

const REASON = /^[a-z0-9_]+(;[a-z0-9_]+=[A-Za-z0-9_.-]+)*$/;
const RETRY_AFTER = /;retry_after_ms=[0-9]+(;|$)/;

/** Judges a Close frame with which the server begins a closing handshake. */
export function judgeClose(code: number, reason: string): FrameFault[] {
  const faults: FrameFault[] = [];
  const add = (rule: RuleId, expected: string) =>
    faults.push({
      rule,
      expected,
      actual: `the server closed with ${code} ${JSON.stringify(reason)}`,
    });
  const row = closes.find((each) => each.code === code);
  if (!row && code >= 3000 && code < 4900)
    add('closes-code-registered', 'a close code of the table, or one from 4900 to 4999');
  const tokens: readonly string[] = row?.reasons ?? [];
  if (row && code >= 4000 && !tokens.includes(reason.split(';')[0] ?? ''))
    add('closes-reason-registered', `a reason that begins with ${tokens.join(' or ')}`);
  if (reason !== '' && code >= 4000 && code < 4900 && !REASON.test(reason))
    add(
      'closes-reason-grammar',
      'a reason such as token_expired or overloaded;retry_after_ms=15000',
    );
  const parameters: readonly string[] = row?.parameters ?? [];
  if (parameters.includes('retry_after_ms') && !RETRY_AFTER.test(reason))
    add('closes-retry-after', `a reason such as ${tokens[0]};retry_after_ms=8000`);
  return faults;
}

// The profiles that each type of the server belongs to.
const profilesOf = new Map<string, readonly string[]>();
for (const { type, direction, profiles } of registry)
  if (direction === 'server') profilesOf.set(type, [...(profilesOf.get(type) ?? []), ...profiles]);

/** What a message is judged by, besides itself. */
export interface Context {
  /** The announced features; undefined while nothing has been announced. */
  features: readonly string[] | undefined;
  /** Whether it came as a binary message. */
  binary: boolean;
  /** The types of the requests that carried this `ref`; empty when none is known. */
  requested: readonly string[];
}

/** Judges one message of the server by what holds for all. */
export function judge(message: Message, { features, binary, requested }: Context): FrameFault[] {
  const faults: FrameFault[] = [];
  const type = message.type;
  const add = (rule: RuleId, expected: string, actual: string) =>
    faults.push({ rule, expected, actual });
  if (binary && features && !features.includes('binary'))
    add(
      'messages-no-binary-unannounced',
      'no binary message: `binary` is not announced',
      `a binary message of type ${type}`,
    );
  const profiles = profilesOf.get(baseType(type)) ?? [];
  if (features && profiles.length > 0 && !announced(profiles, features))
    add(
      'messages-type-announced',
      `no message of type ${type}: its profile (${profiles.join(', ')}) is not announced`,
      `a message of type ${type}`,
    );
  if (message.ref !== undefined && !['ack', 'error', 'pong'].includes(type))
    add(
      'messages-events-without-ref',
      `no ref on ${type}: only ack, error and pong carry one`,
      `ref ${JSON.stringify(message.ref)}`,
    );
  const { payload: _, ...envelope } = message;
  const fault = type === 'ack' ? ackFault(envelope, requested) : validateServer(type, envelope);
  // A fault that has a rule of its own is told once.
  if (fault && !(fault.path === '/ref' && type !== 'ack'))
    add(
      fault.path === '/timestamp' ? 'messages-timestamp-form' : 'messages-schema-valid',
      `a ${type} that fits its schema`,
      `${fault.path || 'the message'} ${fault.message}, in ${brief(envelope)}`,
    );
  return faults;
}

/**
 * Compiles all schemas: done while nothing waits for an answer, it makes none to a heartbeat late. Between any two it
 * lets others have their turn.
 */
export async function warmUp(): Promise<void> {
  for (const { direction, type } of registry) {
    if (direction === 'server') validateServer(type, {});
    if (direction === 'ack') validateAck(type, {});
    await setImmediate();
  }
}

function ackFault(envelope: unknown, requested: readonly string[]): SchemaFault | null {
  // Of a request that the runner built byte by byte the type is not known: any acknowledgement may be its own.
  const types =
    requested.length > 0
      ? requested
      : registry.filter((row) => row.direction === 'ack').map((row) => row.type);
  const faults = types.map((type) => validateAck(type, envelope));
  return faults.includes(null) ? null : (faults[0] ?? null);
}

function announced(profiles: readonly string[], features: readonly string[]): boolean {
  // Cluster and core are no features: what they have, every server may send.
  return profiles.some((each) => each === 'core' || each === 'cluster' || features.includes(each));
}

function baseType(type: string): string {
  return type.startsWith('x.') ? 'x' : type;
}

function brief(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= 500 ? text : `${text.slice(0, 500)}…`;
}
