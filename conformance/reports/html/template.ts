import { visibleLines } from '../text.js';

/** HTML that is safe to insert as it stands: only `html` makes it. */
export class Html {
  constructor(readonly source: string) {}
}

type Part = string | number | Html | undefined | false | readonly Part[];

/** Builds HTML; every text that is put in is escaped, control characters are made visible. */
export function html(fixed: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(fixed.reduce((out, text, index) => out + render(parts[index - 1]) + text));
}

/** HTML from our own constants: styles, scripts. Never for text that came from elsewhere. */
export function trusted(source: string): Html {
  return new Html(source);
}

function render(part: Part): string {
  if (part === undefined || part === false) return '';
  if (part instanceof Html) return part.source;
  if (typeof part === 'object') return part.map(render).join('');
  return escaped(String(part));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return visibleLines(text).replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char);
}
