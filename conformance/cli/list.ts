import pc from 'picocolors';
import { columns, count, pad } from '#conformance/reports/text.js';
import { catalog, type ListedRule } from './catalog.js';
import { type Io, wantsColor } from './io.js';
import { select } from './select.js';

/** `parlor list`: every rule with its level, profile, checks and mutants. */
export async function list(selectors: readonly string[], json: boolean, io: Io): Promise<void> {
  const all = (await catalog()).map((rule) => ({ ...rule, rule: rule.id }));
  const rules = selectors.length === 0 ? all : select(all, selectors, 'parlor list');
  io.stdout(json ? asJson(rules) : asText(rules, io));
}

function asJson(rules: readonly ListedRule[]): string {
  const shown = rules.map(({ id, level, text, chapter, profile, checks, mutants, excluded }) => ({
    id,
    level,
    text,
    chapter,
    profile,
    checks: checks.map((each) => each.id),
    mutants: mutants.map(({ name }) => name),
    ...(excluded === undefined ? {} : { excluded }),
  }));
  return `${JSON.stringify(shown, null, 2)}\n`;
}

function asText(rules: readonly ListedRule[], io: Io): string {
  const colors = pc.createColors(wantsColor(io));
  const widest = Math.max(...rules.map(({ id }) => columns(id)));
  const lines: string[] = [];
  let chapter = '';
  for (const rule of rules) {
    if (rule.chapter !== chapter) {
      chapter = rule.chapter;
      lines.push(...(lines.length === 0 ? [] : ['']), colors.bold(chapter));
    }
    const tested =
      rule.excluded === undefined
        ? `${count(rule.checks.length, 'check')}, ${count(rule.mutants.length, 'mutant')}`
        : 'excluded';
    const profile = rule.profile === 'core' ? '' : `  ${rule.profile}`;
    lines.push(`  ${pad(rule.id, widest)}  ${pad(rule.level, 6)} ${colors.dim(tested + profile)}`);
  }
  const [checks, mutants] = [
    rules.flatMap((each) => each.checks),
    rules.flatMap((each) => each.mutants),
  ];
  lines.push(
    '',
    `${count(rules.length, 'rule')}, ${count(checks.length, 'check')}, ${count(mutants.length, 'mutant')}`,
  );
  return `${lines.join('\n')}\n`;
}
