// NODE_OPTIONS=--experimental-vm-modules npx jest --transform '{}'
import { checks, conformanceTests } from 'parlor/conformance';

const start = process.env.SERVER ?? 'npx parlor serve';
const chosen = checks.filter(({ rule }) => rule.startsWith(process.env.RULES ?? ''));

// Jest skips no test that has begun: what cannot be exercised passes, and its reason is printed.
// The first test that is run waits for all that begins with it: hence its time.
for (const { name, run } of conformanceTests({ start }, { checks: chosen }))
  test(name, () => run((reason) => console.info(`${name} is not exercised: ${reason}`)), 120_000);
