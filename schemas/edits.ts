/** One line of a transcript: what happened on one connection. */
export type Line = { connection: string } & Record<string, unknown>;

/** A single change to a transcript, and the line at which it shows. */
export interface Edit {
  line: number;
  apply(lines: Line[]): void;
}

/** Leaves out a line. */
export const drop = (at: number, line = at): Edit => ({
  line,
  apply: (lines) => void lines.splice(at, 1),
});

/** Has a line happen twice. */
export const repeat = (at: number): Edit => ({
  line: at + 1,
  apply: (lines) => void lines.splice(at, 0, lineAt(lines, at)),
});

/** Moves a line to another place. */
export const move = (from: number, to: number): Edit => ({
  line: to,
  apply: (lines) => void lines.splice(to, 0, ...lines.splice(from, 1)),
});

/** Adds a line before another. */
export const insert = (before: number, connection: string, what: object): Edit => ({
  line: before,
  apply: (lines) => void lines.splice(before, 0, { connection, ...what }),
});

/** Gives a member of a line another value; undefined removes it. */
export const change = (at: number, member: string, value: unknown): Edit => ({
  line: at,
  apply: (lines) => {
    const names = member.split('.');
    const last = names.pop() ?? '';
    let target: Record<string, unknown> = lineAt(lines, at);
    for (const name of names) target = target[name] as Record<string, unknown>;
    target[last] = value;
  },
});

function lineAt(lines: Line[], at: number): Line {
  const line = lines[at];
  if (!line) throw new RangeError(`line ${at} of a transcript of ${lines.length} lines`);
  return line;
}
