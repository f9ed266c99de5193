import type { Check } from '#conformance/harness/check.js';
import { requirement, requirements } from '#conformance/harness/requirements.js';
import { UsageError } from '#conformance/harness/verdict.js';
import { didYouMean } from '#conformance/nearest.js';
import { select } from './select.js';
import type { Said } from './settings.js';

/**
 * The checks that were asked for: by chapter, rule or prefix, by profile, and by shard.
 *
 * @throws UsageError for a name that means nothing, or when nothing is left
 */
export function selected(
  checks: readonly Check[],
  said: Pick<Said, 'only' | 'skip' | 'profile' | 'profiles' | 'shard'>,
): Check[] {
  const { only, skip = [], profile, profiles = {}, shard } = said;
  const all = checks.map((check) => ({
    ...requirement(check.rule),
    id: check.id,
    rule: check.rule,
    check,
  }));
  const rules = Object.entries(requirements).map(([id, { chapter }]) => ({
    id,
    rule: id,
    chapter,
  }));
  const wanted = only ? select(all, only, '--only', rules) : all;
  const unwanted = new Set(select(all, skip, '--skip', rules));
  for (const name of profile ?? []) knownProfile(name, '--profile');
  const left = wanted
    .filter((each) => !unwanted.has(each))
    .filter((each) => !profile || profile.includes(each.profile))
    .filter((each) => !profiles[each.profile as keyof typeof profiles]?.skip)
    .filter((_, index) => !shard || index % shard.count === shard.index - 1);
  if (left.length === 0) {
    const both =
      profile && only
        ? `: none is in the profile ${profile.join(' or ')} and in ${only.join(' or ')} (several profiles: --profile a b)`
        : '';
    throw new UsageError(
      `the selection leaves no check to run${both}; parlor list says which rules have checks`,
    );
  }
  return left.map(({ check }) => check);
}

/** The profiles in which a broken SHOULD is a failure; true: in all. */
export function failingOnShould({
  'fail-on': level,
  profiles = {},
}: Pick<Said, 'fail-on' | 'profiles'>): boolean | string[] {
  const said = new Map(Object.entries(profiles).map(([name, { fail_on }]) => [name, fail_on]));
  if (![...said.values()].some((each) => each !== undefined)) return level === 'should';
  const all = new Set(Object.values(requirements).map(({ profile }) => profile));
  return [...all].filter((name) => (said.get(name) ?? level) === 'should');
}

/** @throws UsageError for a profile that the spec does not have */
export function knownProfile(name: string, from: string): void {
  const known = new Set(Object.values(requirements).map(({ profile }) => profile));
  if (!known.has(name)) {
    throw new UsageError(
      `${from}: no profile is called '${name}'${didYouMean(name, known) || `; there are ${[...known].join(', ')}`}`,
    );
  }
}
