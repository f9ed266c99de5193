const FAIL = /^FAIL /;

/** A run's output with all failures left out but those of the given rules, and lists of skipped checks cut. */
export function abridge(lines: readonly string[], rules: readonly string[]): string[] {
  const plain = lines.map((line) => line.replace(SGR, ''));
  const first = plain.findIndex((line) => FAIL.test(line) || /^Not exercised/.test(line));
  const end = plain.findLastIndex((line) => /^The target /.test(line));
  if (first < 0 || end < first) return [...lines];
  const blocks: string[][] = [];
  for (let i = first; i < end; i += 1) {
    const opens =
      FAIL.test(plain[i] ?? '') || /^(\d+ more root causes|Not exercised)/.test(plain[i] ?? '');
    if (opens || blocks.length === 0) blocks.push([]);
    blocks.at(-1)?.push(lines[i] ?? '');
  }
  const shown = rules.map((rule) =>
    blocks.find((block) => block[0]?.replace(SGR, '').split(' ')[1] === rule),
  );
  const missing = rules.filter((_, i) => shown[i] === undefined);
  if (missing.length > 0) throw new Error(`the run has no failure of ${missing.join(', ')}`);
  const kept = shown.flatMap((block) => block ?? []);
  const left = end - first - kept.length;
  return [
    ...lines.slice(0, first),
    ...kept,
    `\u001b[2m  … ${left} lines left out of this picture\u001b[22m`,
    '',
    ...lines.slice(end),
  ];
}

/** A terminal's lines, with their colours, as one SVG that needs no font and no script. */
export function drawTerminal(title: string, lines: readonly string[]): string {
  const columns = Math.max(84, ...lines.map((line) => [...line.replace(SGR, '')].length));
  const width = Math.ceil(columns * ADVANCE) + 2 * MARGIN;
  const height = lines.length * LINE + TOP + MARGIN;
  const rows = lines.map((line, i) => {
    const y = TOP + (i + 1) * LINE - 5;
    return `<text x="${MARGIN}" y="${y}">${spans(line)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escapeXml(title)}</title>
<rect width="${width}" height="${height}" rx="10" fill="#15191f"/>
<g fill="#3a434f"><circle cx="22" cy="20" r="6"/><circle cx="42" cy="20" r="6"/><circle cx="62" cy="20" r="6"/></g>
<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14" fill="#d5dae1">
${rows.join('\n')}
</g>
</svg>
`;
}

const ADVANCE = 8.43;
const LINE = 20;
const MARGIN = 20;
const TOP = 40;

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that colour a terminal
const SGR = /\u001b\[([0-9;]*)m/g;

const colours: Readonly<Record<number, string>> = {
  31: '#ff7b72',
  32: '#56d364',
  33: '#e3b341',
  34: '#79b8ff',
  35: '#d2a8ff',
  36: '#76e3ea',
};

interface Style {
  colour?: string | undefined;
  bold: boolean;
  dim: boolean;
}

function spans(line: string): string {
  let style: Style = { bold: false, dim: false };
  let column = 0;
  return line
    .split(SGR)
    .map((part, i) => {
      if (i % 2 === 1) {
        style = part.split(';').map(Number).reduce(apply, style);
        return '';
      }
      const start = column;
      column += [...part].length;
      // Viewers treat runs of blanks as they like, so each word group is put in its own place.
      return [...part.matchAll(/[^ ]+(?: [^ ]+)*/g)]
        .map((found) => span(found[0], style, MARGIN + (start + found.index) * ADVANCE))
        .join('');
    })
    .join('');
}

function apply(style: Style, code: number): Style {
  if (code === 0) return { bold: false, dim: false };
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, dim: true };
  if (code === 22) return { ...style, bold: false, dim: false };
  return { ...style, colour: code === 39 ? undefined : colours[code] };
}

function span(text: string, { colour, bold, dim }: Style, x: number): string {
  // Every run of text is put where its column is, whatever font the reader has.
  const length = [...text].length * ADVANCE;
  const fill = colour ?? (dim ? '#8b949e' : bold ? '#ffffff' : undefined);
  const attributes = [
    `x="${x.toFixed(1)}"`,
    `textLength="${length.toFixed(1)}"`,
    ...(fill ? [`fill="${fill}"`] : []),
    ...(bold ? ['font-weight="600"'] : []),
  ];
  return `<tspan ${attributes.join(' ')}>${escapeXml(text)}</tspan>`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
