import { brokenRules, type RuleBook } from '../broken.js';
import { counted, type Outcome, outcomes, rulesTold } from '../outcome.js';
import type { Report } from '../report.js';
import { count, duration } from '../text.js';
import { failureArticle } from './failure.js';
import { rulesSection } from './rules.js';
import { script } from './script.js';
import { style } from './style.js';
import { type Html, html, trusted } from './template.js';

const HEADLINES: Readonly<
  Record<Report['exit_code'], { title: string; mood: 'good' | 'bad' | 'open' }>
> = {
  0: { title: 'Conforms', mood: 'good' },
  1: { title: 'Does not conform', mood: 'bad' },
  2: { title: 'Known failures are out of date', mood: 'open' },
  3: { title: 'Undecided', mood: 'open' },
  4: { title: 'Could not be tested', mood: 'open' },
  5: { title: 'The suite itself failed', mood: 'open' },
  64: { title: 'Could not be run', mood: 'open' },
};

/** The report as one HTML page that needs nothing else: no script is necessary to read it, no request is made. */
export function page(report: Report, book: RuleBook): string {
  const { title, mood } = HEADLINES[report.exit_code];
  const name = report.target.server?.name ?? report.target.urls[0] ?? 'no target';
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<title>${title}: ${name}, Parlor v1</title>
<link rel="icon" href="data:,">
<style>${trusted(style)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
<header class="${mood}"><div class="page">
<p class="eyebrow">Parlor v1 conformance</p>
<h1>${title}</h1>
<p class="summary">${report.summary}</p>
${bar(report)}
${facts(report)}
</div></header>
<main id="main" class="page">
${brokenSections(report, book)}
${rulesSection(report, book)}
${about(report)}
</main>
<footer class="page"><p>Written by parlor ${report.parlor_version} on Node ${report.node_version}. Secrets were taken out before this page was written.</p></footer>
<p class="visually-hidden" role="status" id="said"></p>
<script>${trusted(script)}</script>
</body>
</html>
`.source;
}

function bar({ totals }: Report): Html {
  const shown = (Object.keys(outcomes) as Outcome[]).filter((each) => totals[each] > 0);
  const order = ['pass', ...shown.filter((each) => each !== 'pass')].filter(
    (each) => totals[each as Outcome] > 0,
  ) as Outcome[];
  return html`<div class="bar" aria-hidden="true">${order.map((each) => html`<span class="${each}" style="flex-grow:${totals[each]}"></span>`)}</div>
<ul class="totals">${order.map((each, index) => html`<li class="${each}"><strong>${totals[each]}</strong> ${index === 0 && 'checks '}${counted(each, totals[each]).replace(/^\d+ /, '')}</li>`)}</ul>`;
}

function facts(report: Report): Html {
  const { target, started_at, duration_ms, seed } = report;
  const rows: [string, string | undefined][] = [
    ['Target', target.urls.join(' ')],
    ['Started with', target.command],
    ['Server', target.server && `${target.server.name} ${target.server.version}`],
    ['Announces', target.features.length > 0 ? target.features.join(', ') : undefined],
    ['Rules', rulesTold(report).replace(/ rules?/, '')],
    [
      'Run',
      `${started_at.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}, ${duration(duration_ms)}, seed ${seed}`,
    ],
  ];
  return html`<dl class="facts">${rows.map(([label, text]) => text !== undefined && text !== '' && html`<div><dt>${label}</dt><dd>${text}</dd></div>`)}</dl>`;
}

function brokenSections(report: Report, book: RuleBook): Html {
  const all = brokenRules(report, book);
  const titles = { fail: 'What is broken', warning: 'Warnings', known: 'Known failures' } as const;
  return html`${(Object.keys(titles) as (keyof typeof titles)[]).map((grade) => {
    const found = all.filter((each) => each.grade === grade);
    if (found.length === 0) return false;
    const lead =
      grade === 'fail' &&
      found.length > 1 &&
      html`<p class="lead">${count(found.length, 'check')} that no other explains, what explains most first.</p>`;
    return html`<section aria-labelledby="${grade}"><h2 id="${grade}">${titles[grade]}</h2>${lead}${found.map((each, index) => failureArticle(each, index, book))}</section>`;
  })}`;
}

function about({ target: { welcome }, notes, coverage = [] }: Report): Html {
  return html`<section aria-labelledby="about"><h2 id="about">About this run</h2>
${notes.length > 0 && html`<ul class="notes">${notes.map(({ level, text }) => html`<li class="${level}">${level !== 'info' && html`<strong>${level}</strong> `}${text}</li>`)}</ul>`}
${welcome && html`<details><summary>What the server announced</summary><pre><code>${JSON.stringify(welcome, null, 2)}</code></pre></details>`}
${coverage.length > 0 && html`<details><summary>What generated conversations exercised</summary>${coverage.map(({ title, rows }) => html`<h3>${title}</h3><dl>${rows.map(({ what, times }) => html`<div><dt>${what}</dt><dd>${times}</dd></div>`)}</dl>`)}</details>`}
</section>`;
}
