import { expect, it } from 'vitest';
import { opcodes } from '#conformance/harness/frames.js';
import { runConformance } from '#conformance/harness/run.js';
import { launcher } from '#conformance/mutants/launcher.js';
import { faulty } from '#conformance/mutants/wire.js';
import { checks } from './index.js';

// A broadcast of somebody who is no client of the check, at the worst moment: right before each Close frame.
const broadcast = JSON.stringify({
  type: 'broadcast',
  from: 'somebody-else',
  id: 'event-1',
  data: { text: 'hear, hear' },
  timestamp: '2026-01-01T00:00:00.000Z',
});
const parts = faulty(() => {
  let welcomed = false;
  return {
    outbound: (frame) => {
      welcomed ||= frame.payload?.includes('"type":"welcome"') ?? false;
      return frame.opcode === opcodes.close && welcomed
        ? [{ opcode: opcodes.text, payload: broadcast }, frame]
        : [frame];
    },
  };
});

// Where connections are ended most.
const CHAPTERS = /^(?:transport|limits|errors|closes|handshake)-/;

it('what others broadcast is no business of a check', async () => {
  const failed: string[] = [];
  let passed = 0;
  await runConformance(
    { start: launcher({ parts }) },
    {
      checks: checks.filter(({ rule, options }) => CHAPTERS.test(rule) && !options.instance),
      report: (event) => {
        if (event.event !== 'check_end') return;
        if (event.verdict === 'pass') passed += 1;
        else if (event.failure) failed.push(`${event.check}: ${event.failure.actual}`);
      },
    },
  );
  expect(failed).toEqual([]);
  expect(passed).toBeGreaterThan(150);
});
