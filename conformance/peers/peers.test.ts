import { describe, it } from 'vitest';
import { checks } from '#conformance/checks/index.js';
import { runConformance } from '#conformance/index.js';
import { manners, peer } from './index.js';

// It waits half a minute for the end of a connection that none of these servers ends.
const PATIENT = 'backpressure-slow-consumer-closed';

// What a server that does almost nothing passes is pinned, so that checks which are too easy are seen to come in.
describe('trivial peers', () => {
  it.concurrent.for(Object.entries(manners))(
    '%s',
    { timeout: 120_000 },
    async ([name, manner], { expect }) => {
      const passed: string[] = [];
      const end = await runConformance(
        { start: peer(manner) },
        {
          checks: checks.filter(({ rule }) => rule !== PATIENT),
          doubts: false,
          report: (event) => {
            if (event.event === 'check_end' && event.verdict === 'pass') passed.push(event.check);
          },
        },
      );
      expect(end.exit_code).toBe(name === 'HTTP 404' ? 4 : 1);
      await expect(`${passed.sort().join('\n')}\n`).toMatchFileSnapshot(
        `./passed/${name.replaceAll(' ', '-')}.txt`,
      );
    },
  );
});
