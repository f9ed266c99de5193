import { describe, expect, it } from 'vitest';
import { rates } from '#conformance/checks/rates.js';
import { sessions } from '#conformance/checks/sessions.js';
import type { Check } from '#conformance/harness/check.js';
import { runConformance } from '#conformance/harness/run.js';
import { mutants } from './index.js';
import { launcher } from './launcher.js';
import type { Mutant } from './mutant.js';

const named = (name: string): Mutant => {
  const found = mutants.find((each) => each.name === name);
  if (!found) throw new Error(`expected a mutant named ${name}, found none`);
  return found;
};

/** A limiter that takes so many more than it announces. */
const over = (more: number): Pick<Mutant, 'parts'> => ({
  parts: ({ rates: right }) => ({
    rates: {
      limiter: ({ limit, window_ms }) => right.limiter({ limit: limit + more, window_ms }),
    },
  }),
});

/** The hints of what fails, by id. */
async function hints(
  server: Pick<Mutant, 'parts'>,
  checks: readonly Check[],
): Promise<Map<string, string>> {
  const told = new Map<string, string>();
  await runConformance(
    { start: launcher(server) },
    {
      checks,
      report: (event) => {
        if (event.event === 'check_end' && event.verdict === 'fail')
          told.set(event.check, event.failure?.hint ?? '');
      },
    },
  );
  return told;
}

const ruleOf = (id: string) => id.replace(/\/.*/, '');

const of = (checks: readonly Check[], ...rules: string[]) =>
  checks.filter(({ rule }) => rules.includes(rule));

describe('the hint of a limiter', () => {
  const refill = 'rates-no-refill-within-window';

  it('says that it is off by one, wherever that shows', async () => {
    const rules = [
      'rates-over-refused',
      refill,
      'rates-no-fixed-window',
      'rates-user-scope-shared',
      'rates-denied-counted',
    ];
    const told = await hints(over(1), of(rates, ...rules));
    expect([...new Set([...told.keys()].map(ruleOf))].sort()).toEqual([...rules].sort());
    for (const [id, hint] of told)
      expect(hint, id).toMatch(/^Off by one: of (12|22) messages at once (11|21) are admitted\./);
  });

  it('says that the limit is another one', async () => {
    const told = await hints(over(5), of(rates, 'rates-over-refused', refill));
    expect(told.size).toBeGreaterThan(1);
    for (const [id, hint] of told)
      expect(hint, id).toMatch(
        /^All of (12|22) messages at once are admitted: no limit of [12]0 holds\./,
      );
  });

  it.each([
    ['token-bucket', refill, /, \d of 11 messages are admitted: places grow back one by one/],
    ['window-a-third', refill, /, 10 of 11 messages are admitted: the window is over/],
    ['fixed-window', 'rates-no-fixed-window', /^After a whole window more than the oldest 5/],
    ['limiter-per-connection', 'rates-user-scope-shared', /key is the connection/],
    ['denied-messages-free', 'rates-denied-counted', /^Ask the limiter before /],
  ])('is about what is wrong with %s', async (name, rule, said) => {
    const told = await hints(named(name), of(rates, rule));
    expect(told.size).toBeGreaterThan(0);
    for (const [id, hint] of told) expect(hint, id).toMatch(said);
  });
});

describe('the hint of a revocation', () => {
  it('says how a server may learn of it', async () => {
    const rule = 'sessions-revocation-closes-open';
    const told = await hints(named('session-revocation-unnoticed'), of(sessions, rule));
    expect(told.get(rule)).toMatch(/^Whoever revokes has to reach the open connections: /);
  });

  it.each([
    ['session-revocation-of-user', 'another session of the same user'],
    ['session-revocation-of-all', 'another user'],
  ])('of too much, %s, says what to look at and who went too', async (name, whose) => {
    const rule = 'sessions-revocation-spares-others';
    const hint = (await hints(named(name), of(sessions, rule))).get(rule);
    expect(hint).toMatch(
      /^Look at how a revocation finds the connections to close: by the session/,
    );
    expect(hint).toMatch(new RegExp(`Here the connection of ${whose} went too\\.$`));
  });
});
