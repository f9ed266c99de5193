import { type Broken, brokenRules, type RuleBook } from '../broken.js';
import { type Outcome, outcomeOf, outcomes, worst } from '../outcome.js';
import type { CheckResult, Report } from '../report.js';
import { duration } from '../text.js';
import { anchor } from './failure.js';
import { chip, prose } from './parts.js';
import { type Html, html } from './template.js';

interface Row {
  rule: string;
  chapter: string;
  profile: string;
  level: string;
  text: string;
  outcome: Outcome;
  reasons: string[];
  checks: CheckResult[];
  broken: Broken | undefined;
}

/** Every rule of the run with its sentence, by chapter, and the filters over them. */
export function rulesSection(report: Report, book: RuleBook): Html {
  const rows = rowsOf(report, book);
  const chapters = [...new Set(rows.map(({ chapter }) => chapter))];
  const found = (Object.keys(outcomes) as Outcome[]).filter((each) =>
    rows.some(({ outcome }) => outcome === each),
  );
  return html`<section aria-labelledby="rules"><h2 id="rules">Every rule</h2>
<form class="filters" hidden role="search" aria-label="Filter the rules">
<label class="search">Search <input type="search" name="text" placeholder="id or words of the sentence" autocomplete="off"></label>
<label>Chapter <select name="chapter"><option value="">all</option>${chapters.map((each) => html`<option>${each}</option>`)}</select></label>
<label>Level <select name="level"><option value="">all</option><option>must</option><option>should</option><option>may</option></select></label>
<fieldset><legend>Outcome</legend>${found.map((each) => html`<label class="toggle"><input type="checkbox" name="outcome" value="${each}" checked> ${chip(each)} <span class="number">${rows.filter(({ outcome }) => outcome === each).length}</span></label>`)}</fieldset>
<p class="shown" role="status"></p>
</form>
${chapters.map((chapter) =>
  chapterBlock(
    chapter,
    rows.filter((row) => row.chapter === chapter),
    book,
  ),
)}
</section>`;
}

function chapterBlock(chapter: string, rows: readonly Row[], book: RuleBook): Html {
  const passed = rows.filter(({ outcome }) => outcome === 'pass').length;
  return html`<section class="chapter" data-chapter="${chapter}" aria-labelledby="chapter-${chapter}"><h3 id="chapter-${chapter}">${chapter} <small>${passed} of ${rows.length} passed</small></h3>
<ul class="rules">${rows.map((row) => ruleItem(row, book))}</ul></section>
`;
}

function ruleItem(
  { rule, level, profile, text, outcome, reasons, checks, broken }: Row,
  book: RuleBook,
): Html {
  const time = checks.reduce((sum, each) => sum + each.duration_ms, 0);
  return html`<li id="rule-${rule}" data-outcome="${outcome}" data-level="${level}">
<div class="row">${chip(outcome)}<a class="id" href="${book.link(rule)}"><code>${rule}</code></a><span class="level">${level}</span>${profile !== 'core' && html`<span class="profile">${profile}</span>`}<span class="took">${checks.length > 0 && duration(time)}</span></div>
<p>${prose(text)}</p>
${broken && html`<p class="reason"><a href="#${anchor(broken)}">What happened</a></p>`}
${reasons.map((reason) => html`<p class="reason">${reason}</p>`)}
${checks.length > 1 && html`<ul class="variants">${checks.map((each) => html`<li>${chip(outcomeOf(each))} <code>${each.check}</code></li>`)}</ul>`}
</li>
`;
}

function rowsOf(report: Report, book: RuleBook): Row[] {
  const roots = brokenRules(report, book);
  const all = roots.flatMap((root) => [
    root,
    ...root.follows.map((each) => ({ ...root, rule: each.rule })),
  ]);
  const byRule = new Map<string, CheckResult[]>();
  for (const each of report.checks) byRule.set(each.rule, [...(byRule.get(each.rule) ?? []), each]);
  const rules = new Set([
    ...byRule.keys(),

    ...report.not_exercised.map(({ rule }) => rule),
  ]);
  const order = Object.keys(book.rules).filter((rule) => rules.has(rule));
  return [...new Set([...order, ...rules])].map((rule) => {
    const checks = byRule.get(rule) ?? [];
    const stated = checks[0] ?? book.rules[rule];
    const reason = report.not_exercised.find((each) => each.rule === rule)?.reason;
    return {
      rule,
      chapter: stated?.chapter ?? rule.split('-')[0] ?? '',
      profile: stated?.profile ?? '',
      level: stated?.level ?? 'must',
      text: stated?.text ?? '',
      outcome: worst(checks.map(outcomeOf)),
      reasons: [
        ...new Set([
          ...(reason === undefined ? [] : [reason]),
          ...checks.flatMap((each) => each.reason ?? []),
        ]),
      ],
      checks,
      broken: all.find((each) => each.rule === rule),
    };
  });
}
