import type { RuleId } from './requirements.js';
import type { Sign } from './signs.js';
import type { Explanation } from './verdict.js';

// What a check does on its way, by what it wanted and what it got, and the rule that this rests on.
const STEPS: readonly (readonly [wanted: RegExp, got: RegExp, rule: RuleId])[] = [
  [/^an error of code forbidden$/, / received ack /, 'rooms-claim-forbids'],
  [/^an error of code too_many_rooms$/, / received ack /, 'limits-rooms-over-refused'],
  [/^an error of code auth_failed$/, / received ack /, 'authentication-refresh-rejected'],
  [/^an ack of the join$/, / received error forbidden /, 'rooms-claim-allows'],
  [/^an ack of the join$/, / received error too_many_rooms /, 'limits-rooms-reached'],
];

/** The rule that the step rests on at which a check failed, where it has one. */
export function stepSigns({ expected, actual }: Pick<Explanation, 'expected' | 'actual'>): Sign[] {
  const wanted = typeof expected === 'string' ? [expected] : expected;
  return STEPS.filter(
    ([want, got]) => wanted.some((each) => want.test(each)) && got.test(actual),
  ).map(([, , rule]) => ({ rule, told: actual }));
}
