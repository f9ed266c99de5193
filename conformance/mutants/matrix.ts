import type { Check } from '#conformance/harness/check.js';
import type { Requirement } from '#conformance/harness/requirements.js';
import type { Outcome } from './gate.js';
import type { Mutant } from './mutant.js';

/** Rules that nothing proves: without a check or without a mutant, though somebody could see them broken. */
export function holes(
  requirements: Readonly<Record<string, Requirement>>,
  excluded: Readonly<Record<string, string | undefined>>,
  checks: readonly Check[],
  mutants: readonly Mutant[],
): string[] {
  const checked = new Set<string>(checks.map(({ rule }) => rule));
  const broken = new Set<string>(mutants.map(({ rule }) => rule));
  return Object.entries(requirements).flatMap(([id, { level, profile }]) => {
    // What a client does is proved by the tests of the reference client, one for each rule.
    if (profile === 'client') return [];
    if (excluded[id] !== undefined) {
      return checked.has(id) ? [`${id} is excluded and has a check`] : [];
    }
    if (level === 'may') return [];
    return [
      ...(checked.has(id) ? [] : [`${id} has no check`]),
      ...(broken.has(id) ? [] : [`${id} has no mutant`]),
    ];
  });
}

/** The kill matrix as Markdown: each faulty server, the rule that it breaks, and what the check said. */
export function matrix(outcomes: readonly Outcome[]): string {
  const cell = (text: string) =>
    text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replace(/\s+/g, ' ');
  const rows = [...outcomes]
    .sort(
      (a, b) =>
        a.mutant.rule.localeCompare(b.mutant.rule) || a.mutant.name.localeCompare(b.mutant.name),
    )
    .map(
      ({ mutant, killed, said }) =>
        `| \`${mutant.name}\` | ${cell(mutant.fault)} | \`${mutant.rule}\` | ${killed ? 'killed' : '**survived**'} | ${cell(said).slice(0, 200)} |`,
    );
  return [
    '| mutant | fault | rule | verdict | what the check said |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
