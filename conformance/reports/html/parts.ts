import { type Outcome, outcomes } from '../outcome.js';
import { type Html, html } from './template.js';

const SYMBOLS: Readonly<Record<Outcome, string>> = {
  fail: '✗',
  known: '✗',
  inconclusive: '?',
  vacuous: '?',
  warning: '!',
  pass: '✓',
  not_exercised: '–',
  excluded: '–',
};

/** An outcome as a word with its symbol; colour is never all that tells. */
export function chip(outcome: Outcome): Html {
  return html`<span class="chip ${outcome}"><span aria-hidden="true">${SYMBOLS[outcome]}</span> ${outcomes[outcome]}</span>`;
}

/** A button that copies the text of the `pre` before it. */
export function copyButton(label: string): Html {
  return html`<button type="button" class="copy" hidden>${label}</button>`;
}

/** The little Markdown of rules and hints: paragraphs, lists as lines, fenced blocks, code spans, links as their text. */
export function prose(markdown: string): Html {
  const blocks = markdown.split(/(^```[^\n]*\n[\s\S]*?^```$)/m);
  if (blocks.length === 1 && !/\n\s*\n/.test(markdown.trim())) return inline(markdown);
  return html`${blocks.map((block, index) =>
    index % 2 === 1
      ? html`<pre><code>${block.replace(/^```[^\n]*\n/, '').replace(/\n?```$/, '')}</code></pre>`
      : block
          .split(/\n\s*\n/)
          .filter((each) => each.trim() !== '')
          .map((each) => html`<p>${inline(each.trim())}</p>`),
  )}`;
}

function inline(text: string): Html {
  const plain = text.replace(/\[([^\]]+)\]\([^)\s]+\)/g, '$1');
  return html`${plain.split(/`([^`]+)`/).map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part.replaceAll('**', '')))}`;
}
