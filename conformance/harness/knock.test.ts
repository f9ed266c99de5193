import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { check } from './check.js';
import type { CheckEnd } from './events.js';
import { runConformance } from './run.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

it('tells a server that was held up, which the canary does not see, from one that is silent', async () => {
  const patienceMs = 1_000;
  const held = (variant: string, forMs: number) =>
    check(
      'handshake-welcome-first',
      async ({ connect, instance }) => {
        instance.signal('SIGSTOP');
        if (Number.isFinite(forMs)) setTimeout(() => instance.signal('SIGCONT'), forMs);
        await connect('ann');
      },
      { variant, instance: { PARLOR_MAX_ROOMS: '3' } },
    );
  const ends = new Map<string, CheckEnd>();
  await runConformance(
    {
      start: 'exec node --conditions=source --import tsx reference-server/main.ts',
      startOptions: { cwd: root },
      env: { PARLOR_LOG: 'off' },
    },
    {
      checks: [held('for a while', 2.5 * patienceMs), held('for ever', Number.POSITIVE_INFINITY)],
      doubts: false,
      patienceMs,
      report: (event) => {
        if (event.event === 'check_end') ends.set(event.check, event);
      },
    },
  );
  const of = (variant: string) => ends.get(`handshake-welcome-first/${variant}`);
  expect(of('for a while')?.verdict).toBe('pass');
  expect(of('for ever')?.failure?.actual).toBe('no complete answer came');
});
