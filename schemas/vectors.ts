import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Faulty, faults } from './faults.js';

type Json = Record<string, unknown>;

/** The emitted schemas in one document. */
export interface Bundle {
  $defs: Record<string, Json>;
}

/** The vectors of one schema: messages to accept, by file name, and faulty ones to reject. */
export interface Vectors {
  accept: Map<string, unknown>;
  reject: Map<string, Faulty & { code?: string }>;
}

// Faults that no single member shows: members that contradict each other.
const contradictions: readonly {
  schema: string;
  from: string;
  name: string;
  fault: string;
  path: string;
  data: Json;
}[] = [
  {
    schema: 'error.server',
    from: 'invalid_json',
    name: 'retryable-contradicts-code',
    fault: '/data/retryable is true for a code that is not retryable',
    path: '/data/retryable',
    data: { retryable: true },
  },
  {
    schema: 'error.server',
    from: 'rate_limited',
    name: 'not-retryable-contradicts-code',
    fault: '/data/retryable is false for a code that is retryable',
    path: '/data/retryable',
    data: { retryable: false },
  },
  ...(['bucket', 'limit', 'retry_after_ms'] as const).map((member) => ({
    schema: 'error.server',
    from: 'rate_limited',
    name: `rate_limited-without-${member}`,
    fault: `/data/${member} is missing for rate_limited`,
    path: `/data/${member}`,
    data: { [member]: undefined },
  })),
  {
    schema: 'error.server',
    from: 'invalid_payload',
    name: 'invalid_payload-without-path',
    fault: '/data/path is missing for invalid_payload',
    path: '/data/path',
    data: { path: undefined },
  },
  {
    schema: 'error.server',
    from: 'invalid_payload',
    name: 'path-without-slash',
    fault: '/data/path is no JSON Pointer',
    path: '/data/path',
    data: { path: 'data.text' },
  },
  {
    schema: 'error.server',
    from: 'invalid_json',
    name: 'message-of-two-lines',
    fault: '/data/message has two lines',
    path: '/data/message',
    data: { message: 'Traceback:\n  line 2' },
  },
  {
    schema: 'error.server',
    from: 'invalid_json',
    name: 'message-too-long',
    fault: '/data/message has 201 characters',
    path: '/data/message',
    data: { message: 'x'.repeat(201) },
  },
  ...[
    ['full', 'resume', 'the feature resume'],
    ['full', 'dedup_window_ms', 'the feature resume'],
    ['session', 'session_revocation_ms', 'the feature session'],
    ['full', 'presence_ttl_ms', 'an instance'],
  ].map(([from = '', member = '', cause]) => ({
    schema: 'welcome.server',
    from,
    name: `without-${member}`,
    fault: `/data/${member} is missing beside ${cause}`,
    path: `/data/${member}`,
    data: { [member]: undefined },
  })),
  ...['recovered', 'replayed'].map((member) => ({
    schema: 'ack.join.server',
    from: 'recovered',
    name: `without-${member}`,
    fault: `/data/${member} is missing where a recovery is told`,
    path: `/data/${member}`,
    data: { [member]: undefined },
  })),
  {
    schema: 'welcome.server',
    from: 'core',
    name: 'bucket-name-in-upper-case',
    fault: '/data/rates/0/bucket is in upper case',
    path: '/data/rates/0/bucket',
    data: {
      rates: [
        {
          bucket: 'Messages',
          types: ['chat'],
          limit: 10,
          window_ms: 60000,
          scope: 'user',
          close_after: 0,
        },
      ],
    },
  },
];

// These schemas show every malformed value of the shared definitions; the others show one.
const thorough = new Set(['envelope.client', 'chat.server']);

/** Reads the messages to accept of one schema: the folder's files, by name. */
export function readAccept(examples: string, schema: string): Map<string, unknown> {
  const folder = join(examples, schema, 'accept');
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  return new Map(
    names.map((name) => [name, JSON.parse(readFileSync(join(folder, name), 'utf8')) as unknown]),
  );
}

/** The vectors of every schema of a bundle: those to reject are derived from those to accept. */
export function vectors(bundle: Bundle, examples: string): Map<string, Vectors> {
  const { defs, ...schemas } = bundle.$defs;
  const shared = (defs?.['$defs'] ?? {}) as Record<string, Json>;
  const resolve = (ref: string) => shared[ref.split('/').at(-1) ?? ''] ?? {};
  return new Map(
    Object.entries(schemas).map(([name, schema]) => {
      const accept = readAccept(examples, name);
      const reject: Vectors['reject'] = new Map();
      const add = (file: string, { fault, path, message }: Faulty) => {
        const code = name.endsWith('.client') ? { code: errorCode(name, path, message) } : {};
        if (!reject.has(file)) reject.set(file, { fault, path, ...code, message });
      };
      for (const example of accept.values())
        for (const each of faults(schema, example, resolve, thorough.has(name)))
          add(fileName(each.fault), missingData(schema, each));
      for (const { schema: of, from, name: file, fault, path, data } of contradictions) {
        const base = accept.get(`${from}.json`) as { data: Json } | undefined;
        if (of !== name || !base) continue;
        // Members set to undefined disappear.
        const message = JSON.parse(JSON.stringify({ ...base, data: { ...base.data, ...data } }));
        add(`${file}.json`, { fault, path, message });
      }
      return [name, { accept, reject }];
    }),
  );
}

// A request without `data` is one with `{}`: what is missing is the first member that it needs.
function missingData(schema: Json, each: Faulty): Faulty {
  if (each.path !== '/data' || 'timestamp' in (schema['properties'] as Json)) return each;
  const data = (schema['properties'] as { data?: { required?: string[] } }).data;
  const first = data?.required?.[0];
  return first !== undefined && !Object.hasOwn(each.message as Json, 'data')
    ? { ...each, path: `/data/${first}` }
    : each;
}

function fileName(fault: string): string {
  const words = fault
    .replace(/^the message/, 'message')
    .replaceAll('"', '')
    .replaceAll('^', '');
  return `${words
    .replace(/^\//, '')
    .replaceAll('/', '.')
    .replaceAll(/[^A-Za-z0-9_.]+/g, '-')}.json`;
}

// What a server answers to a faulty request: the envelope comes before the type, the type before the payload.
function errorCode(schema: string, path: string, message: unknown): string {
  if (path === '/type' && schema !== 'envelope.client' && isUnregistered(message))
    return 'unknown_type';
  const missingRoom = path === '/room' && !Object.hasOwn(message as Json, 'room');
  const beside = ['', '/type', '/id', '/data', '/room'].includes(path) && !missingRoom;
  return beside ? 'invalid_envelope' : 'invalid_payload';
}

function isUnregistered(message: unknown): boolean {
  return (message as { type?: unknown }).type === 'unregistered';
}
