import { type Broken, followers, type RuleBook } from '../broken.js';
import { explain } from '../explain.js';
import { isReduced, scriptLines } from '../script.js';
import { count, shorten } from '../text.js';
import { chip, copyButton, prose } from './parts.js';
import { frameTable, sequence } from './sequence.js';
import { type Html, html } from './template.js';

const LONGEST = 4_000;
const OPEN = 12;

/** A broken rule as an article: open for the first few, folded beyond them. */
export function failureArticle(broken: Broken, index: number, book: RuleBook): Html {
  const { failure, rule, check, text, level, grade, known, seen_in } = broken;
  return html`<article class="failure ${grade}" id="${anchor(broken)}">
<details${index < OPEN && grade !== 'known' ? html` open` : ''}>
<summary><h3>${chip(grade)} <code>${check}</code></h3><span class="gist">${shorten(failure.actual, 160)}</span></summary>
<div class="body">
${text !== '' && html`<blockquote>${prose(text)} <span class="level">${level}</span></blockquote>`}
<p class="where"><a href="${book.link(rule)}">Read the rule in the spec</a>${seen_in !== undefined && html`. A frame broke it first that <code>${seen_in.check}</code> received${seen_in.actual === failure.actual ? '.' : html`: ${seen_in.actual}`}`}</p>
<dl class="outcome">
${known && html`<dt>Known</dt><dd>${known.reason}${known.expires !== undefined && html` (until ${known.expires})`}</dd>`}
<dt>Expected</dt>${failure.expected.map((each, place) => html`<dd>${place > 0 && html`<span class="or">or</span> `}${prose(shorten(each, LONGEST))}</dd>`)}
<dt>Happened</dt><dd class="actual">${prose(shorten(failure.actual, LONGEST))}</dd>
${failure.hint !== undefined && html`<dt>Hint</dt><dd class="hint">${prose(shorten(failure.hint, LONGEST))}</dd>`}
</dl>
${follows(broken)}
${failure.timeline.length > 0 && html`<h4>What went over the wire</h4>${sequence(failure, check)}${frameTable(failure.timeline, check)}`}
${script(broken)}
${failure.replay !== undefined && html`<h4>Run it again</h4><div class="command"><pre><code>${failure.replay}</code></pre>${copyButton('Copy the command')}</div>`}
${why(book.why(rule))}
<div class="copy-all"><pre hidden>${check}
${shorten(explain(text, failure), 20_000)}</pre>${copyButton('Copy this failure as text')}</div>
</div></details></article>
`;
}

/** Where a broken rule's article is found on the page. */
export function anchor({ check }: Broken): string {
  return `failure-${check.replaceAll('/', '--')}`;
}

function follows(broken: Broken): Html {
  const { surely, probably } = followers(broken);
  return html`${surely.length > 0 && html`<details class="follows"><summary>${count(surely.length, 'other check')} failed for this reason</summary><ul>${surely.map((each) => html`<li><code>${each.check}</code> ${shorten(each.failure.actual, 300)}</li>`)}</ul></details>`}${probably.length > 0 && html`<details class="follows"><summary>${count(probably.length, 'other failure')} probably ${probably.length === 1 ? 'follows' : 'follow'} from this</summary><ul>${probably.map(follower)}</ul></details>`}`;
}

// It may be a fault of its own after all: what it says stays to be read.
function follower({ check, text, failure }: Broken): Html {
  return html`<li><details><summary><code>${check}</code> ${shorten(failure.actual, 200)}</summary>
<p>${prose(text)}</p>
<dl class="outcome"><dt>Expected</dt>${failure.expected.map((each) => html`<dd>${prose(shorten(each, LONGEST))}</dd>`)}<dt>Happened</dt><dd>${prose(shorten(failure.actual, LONGEST))}</dd>${failure.hint !== undefined && html`<dt>Hint</dt><dd>${prose(shorten(failure.hint, LONGEST))}</dd>`}<dt>Why it follows</dt><dd>${prose(shorten(failure.because ?? '', LONGEST))}</dd></dl>
${failure.timeline.length > 0 && frameTable(failure.timeline, check)}</details></li>
`;
}

function script({ failure: { script: found, reproduction } }: Broken): Html | false {
  const hits =
    reproduction && html`fails in ${reproduction.hits} of ${count(reproduction.runs, 'run')}`;
  if (found === undefined) return hits ? html`<p>Repeated, it ${hits}.</p>` : false;
  return html`<h4>The ${isReduced(reproduction) ? 'smallest script' : 'script'}</h4>${hits && html`<p>This conversation ${hits}.</p>`}<div class="command"><pre><code>${shorten(scriptLines(found).join('\n'), 20_000)}</code></pre>${copyButton('Copy the script')}</div>`;
}

function why(markdown: string | undefined): Html | false {
  if (markdown === undefined || markdown.trim() === '') return false;
  return html`<details class="why"><summary>Why the rule is there</summary>${prose(markdown)}</details>`;
}
