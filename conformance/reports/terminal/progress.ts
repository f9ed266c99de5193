import type { CheckEnd } from '#conformance/harness/events.js';
import { counted, type Outcome, outcomeOf, outcomes } from '../outcome.js';
import { clip, columns, duration, pad, wrap } from '../text.js';
import type { Screen, Style } from './style.js';

interface Chapter {
  name: string;
  total: number;
  counts: Map<Outcome, number>;
  done: number;
  started: number | undefined;
  running: Set<string>;
  /** What its line said, once it was written for good. */
  written: ReadonlyMap<Outcome, number> | undefined;
}

interface Counted {
  counts: ReadonlyMap<Outcome, number>;
}

const REDRAW_MS = 80;
// Columns of the mark and the chapter's name, and of the time.
const MARGIN = 19;
const TIME = 11;

/** One line per chapter while a run goes on: redrawn on a terminal, written once when complete elsewhere. */
export class Progress {
  readonly #chapters = new Map<string, Chapter>();
  readonly #planned: ReadonlySet<string>;
  readonly #screen: Screen;
  readonly #style: Style;
  readonly #now: () => number;
  #drawn = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    screen: Screen,
    style: Style,
    checks: readonly string[],
    now = () => performance.now(),
  ) {
    this.#screen = screen;
    this.#style = style;
    this.#now = now;
    this.#planned = new Set(checks);
    for (const check of checks) this.#chapter(chapterOf(check)).total += 1;
  }

  start(check: string): void {
    const chapter = this.#chapter(chapterOf(check));
    chapter.started ??= this.#now();
    chapter.running.add(check);
    this.#redrawSoon();
  }

  end(result: CheckEnd): void {
    const chapter = this.#chapter(chapterOf(result.check));
    chapter.running.delete(result.check);
    chapter.done += 1;
    const outcome = outcomeOf(result);
    chapter.counts.set(outcome, (chapter.counts.get(outcome) ?? 0) + 1);
    // What was never planned has ended before it began, and is told of when the run ends.
    if (!this.#planned.has(result.check)) chapter.total += 1;
    else if (chapter.done === chapter.total) this.#complete(chapter);
    else this.#redrawSoon();
  }

  /** Writes a line that stays, above the lines that are redrawn. */
  print(line: string): void {
    this.#erase();
    this.#screen.write(`${line}\n`);
    this.#draw();
  }

  #complete(chapter: Chapter): void {
    chapter.written = new Map(chapter.counts);
    this.print(this.#line(chapter));
  }

  /** Removes what was redrawn and writes a line for each chapter that has more to say. */
  finish(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#erase();
    for (const chapter of this.#chapters.values()) {
      const more = since(chapter);
      if (!chapter.written) this.#screen.write(`${this.#line(chapter)}\n`);
      else if (more.size > 0) this.#screen.write(`${this.#later(chapter, more)}\n`);
    }
  }

  #redrawSoon(): void {
    if (!this.#screen.live || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#erase();
      this.#draw();
    }, REDRAW_MS).unref();
  }

  #erase(): void {
    if (this.#drawn > 0) this.#screen.write(`\u001b[${this.#drawn}A\u001b[0J`);
    this.#drawn = 0;
  }

  #draw(): void {
    if (!this.#screen.live) return;
    const running = [...this.#chapters.values()].filter(
      ({ started, done, total }) => started !== undefined && done < total,
    );
    const shown = running.slice(0, Math.max(1, this.#screen.rows - 4));
    for (const chapter of shown) this.#screen.write(`${this.#line(chapter)}\n`);
    this.#drawn = shown.length;
  }

  #line(chapter: Chapter): string {
    const { colors, width } = this.#style;
    const { name, total, done, started, running } = chapter;
    const room = width - MARGIN - TIME;
    const time = started === undefined ? '' : duration(this.#now() - started);
    const [what = '', ...more] =
      done === total
        ? wrapped(said(chapter), room)
        : [
            atWork(
              chapter,
              [...running].map((check) => check.slice(name.length + 1)),
              room,
            ),
          ];
    const first = `  ${this.#mark(chapter)} ${pad(name, MARGIN - 4)}${pad(what, room)}`;
    return [
      time === '' ? first.trimEnd() : `${first}${colors.dim(time.padStart(TIME))}`,
      ...more.map((line) => ' '.repeat(MARGIN) + line),
    ].join('\n');
  }

  // What every frame is asked is decided when all have been seen, and that may be long after the chapter.
  #later(chapter: Chapter, more: ReadonlyMap<Outcome, number>): string {
    const what = `and ${said({ counts: more })}, in frames of other checks`;
    const lines = wrapped(what, this.#style.width - MARGIN);
    const mark = this.#mark({ ...chapter, counts: more });
    return `  ${mark} ${pad(chapter.name, MARGIN - 4)}${lines.join(`\n${' '.repeat(MARGIN)}`)}`;
  }

  #mark({ counts, done, total }: Pick<Chapter, 'done' | 'total'> & Counted): string {
    const { colors } = this.#style;
    if (counts.has('fail')) return colors.red('✗');
    if (done < total) return colors.cyan('•');
    if (counts.has('inconclusive') || counts.has('vacuous')) return colors.yellow('?');
    const decided = ['pass', 'warning', 'known'] as const;
    return decided.some((each) => counts.has(each)) ? colors.green('✓') : colors.dim('–');
  }

  #chapter(name: string): Chapter {
    let chapter = this.#chapters.get(name);
    if (!chapter) {
      chapter = {
        name,
        total: 0,
        counts: new Map(),
        done: 0,
        started: undefined,
        running: new Set(),
        written: undefined,
      };
      this.#chapters.set(name, chapter);
    }
    return chapter;
  }
}

// What it came to after its line was written.
function since({ counts, written }: Chapter): Map<Outcome, number> {
  const more = [...counts].map(
    ([each, number]) => [each, number - (written?.get(each) ?? 0)] as const,
  );
  return new Map(more.filter(([, number]) => number > 0));
}

// Its outcomes in words: `1 failed, 2 passed`.
function said({ counts }: Counted): string {
  return (Object.keys(outcomes) as Outcome[])
    .filter((each) => counts.has(each))
    .map((each) => counted(each, counts.get(each) ?? 0))
    .join(', ');
}

// Breaks a list where it has commas.
function wrapped(list: string, width: number): string[] {
  const items = list.split(', ').map((item) => item.replaceAll(' ', '\u00a0'));
  return wrap(items.join(', '), width).map((line) => line.replaceAll('\u00a0', ' '));
}

// How far a chapter is, what went wrong, and as many of the checks that run as there is room for.
function atWork({ done, total, counts }: Chapter, running: string[], room: number): string {
  const wrong = new Map([...counts].filter(([outcome]) => outcome !== 'pass'));
  const text = [`${done} of ${total}`, said({ counts: wrong })].filter(Boolean).join(', ');
  for (let shown = running.length; shown > 0; shown -= 1) {
    const rest = running.length - shown;
    const names = [...running.slice(0, shown), ...(rest > 0 ? [`${rest} more`] : [])].join(', ');
    if (columns(text) + 2 + columns(names) <= room) return `${text}: ${names}`;
  }
  return clip(text, room);
}

// A rule's id begins with its chapter, which is one word.
function chapterOf(check: string): string {
  return check.split('-')[0] ?? check;
}
