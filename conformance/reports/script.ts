/** Whether a script was made smaller: one that ran only once is as it was drawn. */
export function isReduced(rate: { runs: number } | undefined): boolean {
  return (rate?.runs ?? 0) > 1;
}

/** A script as JSON with one operation a line, which is how it is read. */
export function scriptLines(script: unknown): string[] {
  if (
    typeof script !== 'object' ||
    script === null ||
    !('ops' in script) ||
    !Array.isArray(script.ops)
  ) {
    return JSON.stringify(script, null, 2).split('\n');
  }
  const { ops, ...rest } = script as { ops: unknown[] };
  const head = JSON.stringify(rest).slice(1, -1);
  const last = ops.length - 1;
  return [
    `{ ${head}${head === '' ? '' : ', '}"ops": [`,
    ...ops.map((op, index) => `  ${JSON.stringify(op)}${index < last ? ',' : ''}`),
    '] }',
  ];
}
