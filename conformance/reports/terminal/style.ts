import pc from 'picocolors';
import type { RuleBook } from '../broken.js';

/** The colours of picocolors, all plain where colour is off. */
type Colors = ReturnType<typeof pc.createColors>;

/** Where the terminal report goes and what it may use there. */
export interface Screen {
  write(text: string): void;
  /** Columns; lines are broken to fit. */
  width: number;
  /** Rows, which bound the lines that are redrawn. */
  rows: number;
  /** Redraw the lines of running chapters in place. */
  live: boolean;
  color: boolean;
}

/** What the parts of the terminal report share. */
export interface Style {
  colors: Colors;
  width: number;
  book: RuleBook;
}

/** The style for a screen: at most 100 columns, since longer lines are hard to read. */
export function styleOf({ width, color }: Screen, book: RuleBook): Style {
  return { colors: pc.createColors(color), width: Math.max(40, Math.min(width, 100)), book };
}
