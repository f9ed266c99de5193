import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { checks } from '#conformance/checks/index.js';
import { launcher } from '#conformance/mutants/launcher.js';
import { defaultParts, type PartsOverrides } from '#server/parts.js';
import type { Totals } from './events.js';
import { runConformance } from './run.js';

interface Judged {
  totals: Totals | undefined;
  failed: string[];
  reasons: string[];
}

// Holds checks of the reference against it, with one of its numbers made small.
async function judged(
  chapters: RegExp,
  env: Record<string, string>,
  parts: PartsOverrides = {},
): Promise<Judged> {
  const found: Judged = { totals: undefined, failed: [], reasons: [] };
  await runConformance(
    { start: launcher({ parts: () => parts }), env },
    {
      checks: checks.filter(({ rule, options }) => chapters.test(rule) && !options.instance),
      report: (event) => {
        if (event.event === 'run_end') found.totals = event.totals;
        if (event.event !== 'check_end') return;
        found.reasons.push(event.reason ?? '');
        if (event.verdict === 'fail') found.failed.push(`${event.check}: ${event.failure?.actual}`);
      },
    },
  );
  return found;
}

// What an operator chooses may be small: a check that asks for more says nothing of the server.
describe('a server whose announced numbers are small', () => {
  it.each([
    ['PARLOR_MAX_ROOMS', '1'],
    ['PARLOR_MAX_LISTED_MEMBERS', '1'],
    ['PARLOR_MAX_CONNECTIONS_PER_USER', '1'],
    ['PARLOR_MESSAGES_LIMIT', '3'],
    ['PARLOR_MAX_PROTOCOL_ERRORS', '3'],
    ['PARLOR_MAX_TEXT_BYTES', '16'],
  ])('is not called wrong: %s %s', async (name, value) => {
    const { failed, totals, reasons } = await judged(/^(?:rooms|messages|errors|chat)-/, {
      [name]: value,
    });
    expect(failed).toEqual([]);
    expect(totals?.pass).toBeGreaterThan(80);
    expect(reasons.some((reason) => reason.endsWith('and this check needs more'))).toBe(true);
  });

  it.each([
    ['PARLOR_MESSAGES_CLOSE_AFTER', '1'],
    ['PARLOR_MESSAGES_CLOSE_AFTER', '3'],
    ['PARLOR_MAX_PROTOCOL_ERRORS', '2'],
    ['PARLOR_MESSAGES_LIMIT', '1'],
  ])('is not called wrong by the chapters of these numbers: %s %s', async (name, value) => {
    const { failed, totals } = await judged(/^(?:rates|limits|errors)-/, { [name]: value });
    expect(failed).toEqual([]);
    expect(totals?.pass).toBeGreaterThan(50);
  });

  it('is not called wrong where it decides on a later connection first', async () => {
    let late = false;
    const judge = async (...of: Parameters<typeof defaultParts.tokens.judge>) => {
      late = !late;
      if (late) await pause(20);
      return defaultParts.tokens.judge(...of);
    };
    const { failed, reasons } = await judged(
      /^(?:handshake-connection-id-unique|rooms-presence)/,
      { PARLOR_MAX_CONNECTIONS_PER_USER: '1' },
      { tokens: { judge } },
    );
    expect(failed).toEqual([]);
    expect(reasons).toContain('`max_connections_per_user` is 1, and this check needs more');
  });
});
