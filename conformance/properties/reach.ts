import { requirement } from '#conformance/harness/requirements.js';
import { type JudgedRule, judged } from './judged.js';
import { LARGEST_FLOOD, LONGEST_MESSAGE } from './operations.js';
import type { Announced } from './trace.js';

/** Why conversations never reach a rule with what the target announces; undefined when they do. */
export function unreachable(rule: JudgedRule, announced: Announced): string | undefined {
  const { rates, resume, dedup_window_ms, features } = announced;
  const { profile } = requirement(rule);
  const bucket = rates.find((each) => each.types.includes('chat'));
  if (profile !== 'core' && profile !== 'transport' && !features.includes(profile))
    return `\`${profile}\` is not announced`;
  if (
    /^rates-(over|window|burst|refused)/.test(rule) &&
    (!bucket || bucket.limit > LARGEST_FLOOD || bucket.close_after === 1)
  )
    return bucket
      ? `a limit of ${bucket.limit} messages is not exceeded in conversations`
      : 'no bucket limits chat';
  if (
    rule === 'errors-unsupported-type' &&
    ['direct', 'broadcast', 'binary', 'auth_refresh'].every((each) => features.includes(each))
  )
    return 'every profile with requests is announced';
  if (rule === 'limits-message-over-closed' && announced.limits.max_message_bytes > LONGEST_MESSAGE)
    return `a limit of ${announced.limits.max_message_bytes} bytes is not exceeded in conversations`;
  if (rule.startsWith('resume-duplicate') && dedup_window_ms === undefined)
    return 'no deduplication is announced';
  return rule.startsWith('resume-') && resume === undefined ? 'no history is announced' : undefined;
}

/** The rules that conversations reach with what the target announces. */
export function reachable(announced: Announced): JudgedRule[] {
  return (Object.keys(judged) as JudgedRule[]).filter(
    (rule) => unreachable(rule, announced) === undefined,
  );
}
