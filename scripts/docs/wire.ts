import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import { closes } from '#schemas/closes.js';
import {
  type Fault,
  validateAck,
  validateClient,
  validateEnvelope,
  validateServer,
} from '#schemas/validate.js';

/** One line of an example conversation. */
export interface WireLine {
  /** The label of the connection; empty where there is one only. */
  who: string;
  way: '→' | '←' | '';
  what: string;
}

// A remark; what stands at the right of a line is one, too.
const REMARK = /^\(.*\)$|^…|\.\.\.$/;

/** The lines of a conversation, remarks left out; what a line goes on with is part of it. */
export function linesOf(text: string): WireLine[] {
  const joined: string[] = [];
  for (const line of text.split('\n')) {
    if (/^ +"/.test(line) && joined.length > 0) joined.push(`${joined.pop()}${line.trim()}`);
    else joined.push(line.trim().replace(/ {4,}\(.*\)$/, ''));
  }
  return joined
    .filter((line) => line !== '' && !REMARK.test(line))
    .map((line) => {
      const [, who = '', way, what] = /^(?:(\w+) )?([→←]) (.*)$/.exec(line) ?? [];
      return { who, way: (way ?? '') as WireLine['way'], what: what ?? line };
    });
}

export interface Message {
  type?: string;
  id?: string;
  ref?: string;
  room?: string;
  from?: string;
  data?: Record<string, unknown>;
}

/** What is wrong with the lines of one conversation, as sentences. */
export function faultsOf(text: string): string[] {
  const lines = linesOf(text);
  return lines.flatMap((line, index) => {
    const fault = faultOf(line, lines, index);
    return fault === null ? [] : [`${line.who} ${line.way} ${line.what}: ${fault}`.trim()];
  });
}

function faultOf(line: WireLine, lines: readonly WireLine[], index: number): string | null {
  const { way, what } = line;
  if (REMARK.test(what)) return null;
  const close = /^[Cc]lose (\d{4})(?: "?([^"]+?)"?)?$/.exec(what);
  if (close) return closeFault(way, Number(close[1]), close[2]);
  const answer = /^(?:HTTP\/1\.1 )?(\d{3})(?: (.*))?$/.exec(what);
  if (answer) return statusFault(Number(answer[1]), answer[2]);
  if (/^GET \/\S*(?: HTTP\/1\.1| [A-Z][\w-]+: .+)$/.test(what) || HEADER.test(what)) return null;
  if (/^p[io]ng "\d+"$|^ping$/.test(what)) return null;
  const binary = /^binary (\{.*\}) \+ [\d,]+ bytes$/.exec(what);
  if (/^binary [0-9a-f ]+…$/.test(what)) return null;
  return messageFault({ ...line, what: binary?.[1] ?? what }, lines, index);
}

const HEADER = /^[A-Z][\w-]*: \S.*$/;

function closeFault(way: string, code: number, reason: string | undefined): string | null {
  const row = closes.find((each) => each.code === code);
  if (!row) return 'the code is not registered';
  const [token = ''] = (reason ?? '').split(';');
  const wrong = way === '←' && reason !== undefined && row.reasons.length > 0;
  if (wrong && !(row.reasons as readonly string[]).includes(token))
    return `the reasons of ${code} are ${row.reasons.join(', ')}`;
  return null;
}

function statusFault(status: number, rest: string | undefined): string | null {
  const known = STATUS_CODES[status];
  if (known === undefined) return 'there is no such status';
  return rest === undefined || rest === known || HEADER.test(rest) ? null : `it is ${known}`;
}

function messageFault(line: WireLine, lines: readonly WireLine[], index: number): string | null {
  const message = read(line.what);
  if (line.way === '→') {
    const answer = answerTo(message, lines.slice(index + 1), line.who);
    return message ? requestFault(message, answer) : unreadFault(answer);
  }
  if (!message) return 'it is no line of a conversation';
  const request = message.type === 'ack' ? (requestOf(message, lines) ?? 'x.unknown') : undefined;
  const schema = request === undefined ? `${message.type}.server` : `ack.${request}.server`;
  const whole = OMISSION.test(line.what) ? completed(schema, message) : message;
  const fault =
    request === undefined ? validateServer(message.type ?? '', whole) : validateAck(request, whole);
  return fault && told(fault);
}

/** The `data` of the error that answers a request. */
function answerTo(
  request: Message | undefined,
  later: readonly WireLine[],
  who: string,
): Record<string, unknown> {
  const replies = later.flatMap((line) =>
    line.who === who && line.way === '←' ? (read(line.what) ?? []) : [],
  );
  const named = replies.find(({ ref }) => ref !== undefined && ref === request?.id);
  const [next] = replies;
  const reply = named ?? (next?.ref === undefined ? next : undefined);
  return reply?.type === 'error' ? (reply.data ?? {}) : {};
}

const unreadFault = ({ code }: Record<string, unknown>): string | null =>
  code === 'invalid_json' ? null : 'it is no line of a conversation';

function requestFault(
  message: Message,
  { code, path, limit }: Record<string, unknown>,
): string | null {
  const envelope = validateEnvelope(message);
  const fault = envelope ?? validateClient(message.type ?? '', message);
  const says = envelope
    ? 'invalid_envelope'
    : fault?.path === '/type'
      ? 'unknown_type'
      : fault && 'invalid_payload';
  if (says === null) {
    // Schemas know the form only; a length in bytes is not part of it.
    const ofForm = ['invalid_envelope', 'unknown_type', 'invalid_payload'].includes(String(code));
    return ofForm && limit === undefined ? `it fits its schema, and is answered ${code}` : null;
  }
  if (says !== code) return `${fault && told(fault)}; it is answered ${code ?? 'well'}`;
  const same = path === undefined || path === fault?.path;
  return same ? null : `the schema says ${fault?.path}, the answer ${path}`;
}

function requestOf({ ref }: Message, lines: readonly WireLine[]): string | undefined {
  for (const { way, what } of lines) {
    const request = way === '→' ? read(what.replace(/^binary (.*\}).*$/, '$1')) : undefined;
    if (request?.id === ref) return request?.type;
  }
  return undefined;
}

const OMISSION = /(?<=[,{])…|…(?=\})/;

/** The message in a line; without what `…` leaves out. */
export function read(text: string): Message | undefined {
  const whole = text
    .replace(/,…(?=[,}])/g, '')
    .replace(/\{…,?(?=["}])/g, '{')
    .replace(/,…,/g, ',');
  try {
    return JSON.parse(whole) as Message;
  } catch {
    // Chapters show text that is no JSON, too; the caller says whether it may be.
    return undefined;
  }
}

/** A shortened message with what it leaves out, as a vector has it. */
function completed(schema: string, message: Message): Message {
  const folder = new URL(`../../schemas/examples/${schema}/accept/`, import.meta.url);
  const code = message.data?.['code'];
  const wanted = [`${code}.json`, 'full.json', 'minimal.json'];
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const name = wanted.find((each) => names.includes(each)) ?? names[0];
  if (name === undefined) return message;
  const vector = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Message;
  return { ...vector, ...message, data: { ...vector.data, ...message.data } };
}

const told = ({ path, message }: Fault): string => `${path || 'the message'} ${message}`;
