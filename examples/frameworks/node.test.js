// node --test
import { describe, test } from 'node:test';
import { checks, conformanceTests } from 'parlor/conformance';

const start = process.env.SERVER ?? 'npx parlor serve';
const chosen = checks.filter(({ rule }) => rule.startsWith(process.env.RULES ?? ''));

describe('my server speaks Parlor v1', { concurrency: true }, () => {
  // The first test that is run waits for all that begins with it: hence its time.
  for (const { name, run } of conformanceTests({ start }, { checks: chosen }))
    test(name, { timeout: 120_000 }, (t) => run((reason) => t.skip(reason)));
});
