// npx vitest run
import { checks, conformanceTests } from 'parlor/conformance';
import { test } from 'vitest';

const start = process.env.SERVER ?? 'npx parlor serve';
const chosen = checks.filter(({ rule }) => rule.startsWith(process.env.RULES ?? ''));

// The first test that is run waits for all that begins with it: hence its time.
for (const { name, run } of conformanceTests({ start }, { checks: chosen }))
  test.concurrent(name, { timeout: 120_000 }, ({ skip }) => run(skip));
