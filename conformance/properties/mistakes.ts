import { buildBinary } from '#conformance/harness/message.js';
import type { JudgedRule } from './judged.js';
import type { Fault } from './messages/compile.js';
import { hostileTexts } from './messages/hostile.js';
import { broken, isEnvelope, type RequestType, requestTypes } from './messages/requests.js';
import type { Announced, Faulty } from './trace.js';

/** What a mistake is made with. */
export interface Setting {
  room: string;
  /** A room that nobody is in or asks for. */
  nowhere: string;
  /** The request's `id`; undefined for none. */
  id: string | undefined;
  /** Which of several wrong values, and of many right ones around them. */
  variant: number;
  announced: Announced;
}

/** A message that is wrong in one way, as it goes out. */
export interface Draft {
  wire: string | Buffer;
  /** Whether the server can read the `id`, and so has to refer to it. */
  referred: boolean | 'maybe';
  faulty: Faulty;
}

/** One way to be wrong. */
export interface Mistake {
  label: string;
  /** Undefined where it is no mistake with what is announced. */
  make(setting: Setting): Draft | undefined;
}

/** What is announced decides whether a type is wrong in its payload or not spoken at all. */
function spoken({ profiles, type }: RequestType, { features }: Announced): boolean {
  if (type === 'auth') return features.includes('auth_refresh');
  return profiles.some((each) => each === 'core' || features.includes(each));
}

const ofSchema: Mistake[] = requestTypes.flatMap((request) =>
  request.faults
    // Without its type a message is none of this type, and `{}` stands for absent data.
    .filter(({ path, label }) => path !== '' && !(path === '/data' && label === 'is missing'))
    .map((fault) => ({
      label: `${request.type} ${fault.path}: ${fault.label}`,
      make: (setting: Setting) => draft(request, fault, setting),
    })),
);

function draft(
  request: RequestType,
  fault: Fault,
  { room, id, variant, announced }: Setting,
): Draft | undefined {
  // A server without history does not know the member at all.
  if (fault.path.startsWith('/data/since') && !announced.features.includes('resume'))
    return undefined;
  const message = broken(request, fault, variant, room);
  const whole = { ...message, ...(id !== undefined && fault.path !== '/id' && { id }) };
  const binary = request.binary && announced.features.includes('binary');
  return {
    wire: binary ? buildBinary(whole, Buffer.from('payload')) : JSON.stringify(whole),
    referred: fault.path !== '/id',
    faulty: {
      label: `${request.type} ${fault.path}: ${fault.label}`,
      ...verdict(request, fault, whole, announced),
    },
  };
}

function verdict(
  request: RequestType,
  { path, wrong }: Fault,
  message: Record<string, unknown>,
  announced: Announced,
): Omit<Faulty, 'label'> {
  const since = path.startsWith('/data/since');
  if (isEnvelope(message))
    return { rule: envelopeRules[path] ?? 'errors-type-malformed', codes: ['invalid_envelope'] };
  if (!spoken(request, announced))
    return { rule: 'errors-unsupported-type', codes: ['unsupported'] };
  const key = wrong.length === 0 ? `${path} missing` : path;
  const named = payloadRules[`${request.type} ${key}`] ?? payloadRules[key];
  const empty = request.type === 'chat' && path === '/data/text' && wrong[0] === '';
  const rule = empty ? 'limits-text-empty-refused' : since ? 'resume-since-validated' : named;
  return { rule: rule ?? 'errors-invalid-payload', codes: ['invalid_payload'], path };
}

/** Rules of their own, by type and place. */
const payloadRules: Record<string, JudgedRule> = {
  '/room missing': 'errors-room-missing',
  '/data/to': 'direct-recipient-validated',
  '/data/to missing': 'direct-recipient-validated',
  'typing /data/active': 'typing-active-required',
  'typing /data/active missing': 'typing-active-required',
};

const envelopeRules: Record<string, JudgedRule> = {
  '/type': 'errors-type-malformed',
  '/data': 'errors-data-malformed',
  '/id': 'errors-id-malformed',
  '/room': 'errors-room-malformed',
};

/** Mistakes that no schema tells of. */
const others: Mistake[] = [
  plain(
    'a text over its limit',
    'limits-text-over-refused',
    ['invalid_payload'],
    ({ room, announced }) => ({
      type: 'chat',
      room,
      data: { text: `é${'x'.repeat(announced.limits.max_text_bytes - 1)}` },
    }),
    '/data/text',
  ),
  plain('an unknown type', 'errors-unknown-type', ['unknown_type'], ({ variant }) => ({
    type: ['no_such_type', 'message', 'subscribe', 'join.room', 'chat2'][variant % 5],
  })),
  plain(
    'a type that only servers send',
    'errors-server-type-unknown',
    ['unknown_type'],
    ({ variant, room }) => ({
      type: ['welcome', 'ack', 'error', 'pong', 'server_shutdown'][variant % 5],
      room,
      data: {},
    }),
  ),
  plain('a malformed type', 'errors-type-malformed', ['invalid_envelope'], ({ variant, room }) => ({
    type: ['Chat', '', 'chat.', '1chat', 5, null, {}, 'x'.repeat(65)][variant % 8],
    room,
    data: { text: 'x' },
  })),
];

function plain(
  label: string,
  rule: JudgedRule,
  codes: string[],
  build: (setting: Setting) => Record<string, unknown>,
  path?: string,
): Mistake {
  return {
    label,
    make: (setting) => ({
      wire: JSON.stringify({ ...build(setting), id: setting.id }),
      referred: true,
      faulty: { label, rule, codes, ...(path !== undefined && { path }) },
    }),
  };
}

const hostile: Mistake[] = hostileTexts.map(({ label, rule, codes, text, referred }) => ({
  label,
  make: ({ nowhere, id }) => ({
    wire: text(`"type":"leave","room":"${nowhere}"${id === undefined ? '' : `,"id":"${id}"`}`),
    referred,
    faulty: { label, rule, codes: [...codes], ...(codes.includes('ack') && { as: 'leave' }) },
  }),
}));

/** Every mistake that the operation `fault` makes, by its number. */
export const mistakes: readonly Mistake[] = [...others, ...hostile, ...ofSchema];
