import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'vitest';
import { checks } from '#conformance/checks/index.js';
import { runConformance } from '#conformance/index.js';
import { manners, peer } from './index.js';

// Each is judged by the whole suite, whose waits take a quarter of a minute.
const TIMEOUT_MS = 120_000;

const file = (name: string) =>
  new URL(`./passed/${name.replaceAll(' ', '-')}.txt`, import.meta.url);

// What a server that does almost nothing passes is pinned, so that checks which are too easy are seen to come in.
// PARLOR_PIN=1 writes the list anew. On a busy machine fewer checks are decided; more can only be too easy.
describe('trivial peers', () => {
  it.for(Object.entries(manners))(
    '%s',
    { timeout: TIMEOUT_MS },
    async ([name, manner], { expect }) => {
      const passed: string[] = [];
      const end = await runConformance(
        { start: peer(manner) },
        {
          checks,
          doubts: false,
          // These answer at once or never.
          patienceMs: 2_000,
          report: (event) => {
            if (event.event === 'check_end' && event.verdict === 'pass') passed.push(event.check);
          },
        },
      );
      expect(end.exit_code).toBe(name === 'HTTP 404' ? 4 : 1);
      if (process.env['PARLOR_PIN']) writeFileSync(file(name), `${passed.sort().join('\n')}\n`);
      const pinned = readFileSync(file(name), 'utf8').trim().split('\n').filter(Boolean);
      expect(passed.filter((check) => !pinned.includes(check))).toEqual([]);
      expect(passed.length > 0).toBe(pinned.length > 0);
    },
  );
});
