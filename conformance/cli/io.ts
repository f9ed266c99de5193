/** The surroundings of a command: only main.ts knows the process. */
export interface Io {
  stdout(text: string): void;
  stderr(text: string): void;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** Version of Node. */
  node: string;
  /** Whether standard output is a terminal that lines can be redrawn on. */
  terminal: boolean;
  columns: number;
  rows: number;
  /** Asks a person; undefined where nobody can answer. */
  ask: ((question: string) => Promise<string>) | undefined;
  /** Aborted when the person or the CI wants the command to end. */
  signal: AbortSignal;
}

/** Whether colours are wanted: NO_COLOR and FORCE_COLOR decide, else a terminal does. */
export function wantsColor({ env, terminal }: Pick<Io, 'env' | 'terminal'>): boolean {
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return false;
  if (env['FORCE_COLOR'] !== undefined) return env['FORCE_COLOR'] !== '0';
  return terminal && env['TERM'] !== 'dumb';
}
