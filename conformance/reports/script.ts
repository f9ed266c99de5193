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
