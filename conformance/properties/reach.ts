import { HISTORY, usual, type VariableName } from '#conformance/harness/contract.js';
import { requirement } from '#conformance/harness/requirements.js';
import { bucketOf } from '#conformance/harness/welcome.js';
import { type JudgedRule, judged } from './judged.js';
import { LARGEST_FLOOD, LONGEST_MESSAGE } from './operations.js';
import type { Announced } from './trace.js';

/** Why what is announced keeps conversations away from rules, by their beginnings; undefined where it does not. */
const obstacles: readonly (readonly [
  rules: RegExp,
  reason: (announced: Announced) => string | undefined,
])[] = [
  [
    /^rates-(over|window|burst|refused)/,
    ({ rates }) => {
      const bucket = bucketOf({ rates }, 'chat');
      if (!bucket) return 'no bucket limits chat';
      if (bucket.close_after === 1) return 'the first refusal closes the connection';
      return bucket.limit > LARGEST_FLOOD
        ? `a limit of ${bucket.limit} messages is not exceeded in conversations`
        : undefined;
    },
  ],
  [
    /^limits-message-over-closed$/,
    ({ limits }) =>
      limits.max_message_bytes > LONGEST_MESSAGE
        ? `a limit of ${limits.max_message_bytes} bytes is not exceeded in conversations`
        : undefined,
  ],
  [
    /^errors-unsupported-type$/,
    ({ features }) =>
      ['direct', 'broadcast', 'binary', 'auth_refresh'].every((each) => features.includes(each))
        ? 'every profile with requests is announced'
        : undefined,
  ],
  [
    /^messages-client-from-ignored$/,
    ({ features }) =>
      features.includes('direct') || features.includes('broadcast')
        ? undefined
        : 'no personal messages are announced',
  ],
  [
    /^resume-duplicate|^resume-ids|^resume-refused|^messages-repeated-id/,
    ({ dedup_window_ms }) =>
      dedup_window_ms === undefined ? 'no deduplication is announced' : undefined,
  ],
  [
    /^resume-(?!duplicate|ids|refused)/,
    ({ resume }) => (resume === undefined ? 'no history is announced' : undefined),
  ],
];

const numbers: readonly (readonly [VariableName, (announced: Announced) => number | undefined])[] =
  [
    ['PARLOR_MAX_MESSAGE_BYTES', ({ limits }) => limits.max_message_bytes],
    ['PARLOR_MAX_ROOMS', ({ limits }) => limits.max_rooms],
    ['PARLOR_MAX_CONNECTIONS_PER_USER', ({ limits }) => limits.max_connections_per_user],
    ['PARLOR_MAX_PROTOCOL_ERRORS', ({ limits }) => limits.max_protocol_errors],
    ['PARLOR_MESSAGES_LIMIT', (announced) => bucketOf(announced, 'chat')?.limit],
    ['PARLOR_CONTROL_LIMIT', (announced) => bucketOf(announced, 'join')?.limit],
  ];

// No conversation has more users.
const MOST_TOGETHER = 4;

/** The announced number that leaves conversations less room than the test contract's, in words; undefined: none. */
export function scarcity(announced: Announced): string | undefined {
  for (const [variable, of] of numbers) {
    const number = of(announced);
    if (number !== undefined && number < Number(usual(variable)))
      return `the announced numbers leave little room: ${number}, where the test contract has ${usual(variable)} (${variable})`;
  }
  const { resume, limits } = announced;
  if (limits.max_listed_members < MOST_TOGETHER)
    return `the announced lists leave little room: ${limits.max_listed_members} members, where ${MOST_TOGETHER} users come together`;
  if (resume && (resume.max_events < HISTORY.events || resume.window_ms < HISTORY.ms))
    return `the announced history leaves little room: ${resume.max_events} events for ${resume.window_ms} ms`;
  return undefined;
}

// A text names its sender's message, and a mistake needs some room.
const LEAST: readonly (readonly [name: 'max_text_bytes' | 'max_message_bytes', bytes: number])[] = [
  ['max_text_bytes', 64],
  ['max_message_bytes', 2_048],
];

/** The announced limit that leaves no room for conversations at all, in words; undefined: none. */
export function cramped({ limits }: Announced): string | undefined {
  const found = LEAST.find(([name, bytes]) => limits[name] < bytes);
  return (
    found && `\`${found[0]}\` is ${limits[found[0]]}, and conversations need ${found[1]} bytes`
  );
}

/** Why conversations never reach a rule with what the target announces; undefined when they do. */
export function unreachable(rule: JudgedRule, announced: Announced): string | undefined {
  const { profile } = requirement(rule);
  if (profile !== 'core' && profile !== 'transport' && !announced.features.includes(profile))
    return `\`${profile}\` is not announced`;
  for (const [rules, reason] of obstacles) {
    const found = rules.test(rule) ? reason(announced) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The rules that conversations reach with what the target announces. */
export function reachable(announced: Announced): JudgedRule[] {
  return (Object.keys(judged) as JudgedRule[]).filter(
    (rule) => unreachable(rule, announced) === undefined,
  );
}
