import { describe, expect, it } from 'vitest';
import { checks } from '#conformance/checks/index.js';
import { launcher } from '#conformance/mutants/launcher.js';
import type { Totals } from './events.js';
import { runConformance } from './run.js';

// What an operator chooses may be small: a check that asks for more says nothing of the server.
describe('a server whose announced numbers are small', () => {
  const chapters = /^(?:rooms|messages|errors|chat)-/;

  it.each([
    ['PARLOR_MAX_ROOMS', '1'],
    ['PARLOR_MAX_CONNECTIONS_PER_USER', '1'],
    ['PARLOR_MESSAGES_LIMIT', '3'],
    ['PARLOR_MAX_PROTOCOL_ERRORS', '3'],
  ])('is not called wrong: %s %s', async (name, value) => {
    const reasons: string[] = [];
    const failed: string[] = [];
    let totals: Totals | undefined;
    await runConformance(
      { start: launcher({ parts: () => ({}) }), env: { [name]: value } },
      {
        checks: checks.filter(({ rule, options }) => chapters.test(rule) && !options.instance),
        report: (event) => {
          if (event.event === 'run_end') totals = event.totals;
          if (event.event !== 'check_end') return;
          reasons.push(event.reason ?? '');
          if (event.verdict === 'fail') failed.push(`${event.check}: ${event.failure?.actual}`);
        },
      },
    );
    expect(failed).toEqual([]);
    expect(totals?.pass).toBeGreaterThan(80);
    expect(reasons.some((reason) => reason.endsWith('and this check needs more'))).toBe(true);
  });
});
