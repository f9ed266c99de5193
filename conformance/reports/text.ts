const WIDE =
  /[\p{Extended_Pictographic}\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;
const NARROW = /^[\u0020-\u02ff]$/;
const ZERO = /^(?:\p{M}|[\u200b-\u200f]|[\ufe00-\ufe0f])$/u;
// Controls, line separators, direction overrides and lone surrogates: what could move a cursor or hide text.
const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ufffe\uffff]|\p{Surrogate}/gu;

/** Makes text of a server harmless on one line: what is invisible becomes `\n`, `\t` or `\u{1b}`. */
export function visible(text: string): string {
  return text.replace(UNSAFE, (char) => {
    if (char === '\n') return '\\n';
    if (char === '\r') return '\\r';
    if (char === '\t') return '\\t';
    return `\\u{${char.charCodeAt(0).toString(16)}}`;
  });
}

/** The same, with line feeds kept. */
export function visibleLines(text: string): string {
  return text.replace(/\r\n/g, '\n').split('\n').map(visible).join('\n');
}

/** Columns that a terminal gives to a text: two to a wide character, none to a combining one. */
export function columns(text: string): number {
  let width = 0;
  for (const char of text)
    width += NARROW.test(char) ? 1 : ZERO.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
  return width;
}

/** Cuts a text to a number of columns, with `…` where something was cut. */
export function clip(text: string, width: number): string {
  if (columns(text.slice(0, width * 4)) <= width && text.length <= width * 4) return text;
  let kept = '';
  let used = 0;
  for (const char of text) {
    used += columns(char);
    if (used >= width) break;
    kept += char;
  }
  return `${kept}…`;
}

/** Fits and fills a text to exactly a number of columns. */
export function pad(text: string, width: number): string {
  const fitted = clip(text, width);
  return fitted + ' '.repeat(Math.max(0, width - columns(fitted)));
}

/** Shortens a text to a number of characters and says how many were left out. */
export function shorten(text: string, length: number): string {
  if (text.length <= length) return text;
  // A pair that the cut would halve is left out whole.
  const kept = text.slice(0, length).replace(/[\ud800-\udbff]$/, '');
  return `${kept}… (${text.length - kept.length} more characters)`;
}

/** Breaks a text into lines of at most `width` columns, at spaces where there are any. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    const [indent = ''] = /^ */.exec(paragraph) ?? [];
    let line = '';
    for (const word of paragraph
      .slice(indent.length)
      .split(' ')
      .flatMap((each) => pieces(each, width - indent.length))) {
      if (line !== '' && indent.length + columns(line) + 1 + columns(word) > width) {
        lines.push(indent + line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    lines.push(indent + line);
  }
  return lines;
}

/** A duration for people: `3 ms`, `1.2 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 99_950) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(Math.round(ms / 1000) / 60)} min ${Math.round(ms / 1000) % 60} s`;
}

/** `1 check`, `2 checks`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function pieces(word: string, width: number): string[] {
  if (columns(word) <= width) return [word];
  const found: string[] = [];
  let piece = '';
  let used = 0;
  for (const char of word) {
    const wide = columns(char);
    if (used + wide > width) {
      found.push(piece);
      piece = '';
      used = 0;
    }
    piece += char;
    used += wide;
  }
  return piece === '' ? found : [...found, piece];
}
