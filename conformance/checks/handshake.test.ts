import { describe, expect, it } from 'vitest';
import type { CheckEnd } from '#conformance/harness/events.js';
import { runConformance } from '#conformance/harness/run.js';
import { launcher } from '#conformance/mutants/launcher.js';
import type { Mutant } from '#conformance/mutants/mutant.js';
import { handshake } from './handshake.js';

const ID = 'handshake-unknown-query-ignored/other-names';

/** How the check of parameters with other names ends, on a server that refuses over HTTP what `refuses` says. */
async function judged(refuses: (query: URLSearchParams) => boolean): Promise<CheckEnd | undefined> {
  const parts: Mutant['parts'] = ({ handshake: right }) => ({
    handshake: {
      checks: [
        ...right.checks,
        (_core, { query }) => (refuses(query) ? { status: 401, detail: 'No token.' } : null),
      ],
    },
  });
  let end: CheckEnd | undefined;
  await runConformance(
    { start: launcher({ parts }) },
    {
      checks: handshake.filter(({ id }) => id === ID),
      report: (event) => {
        if (event.event === 'check_end' && event.check === ID) end = event;
      },
    },
  );
  return end;
}

describe('the check of parameters with other names', () => {
  it('says nothing of a server that refuses all without a token over HTTP', async () => {
    const end = await judged((query) => !query.has('token'));
    expect(end?.verdict).toBe('not_exercised');
    expect(end?.reason).toContain('a connection without a token is refused with HTTP 401');
  });

  it.each<[string, (query: URLSearchParams) => boolean, string]>([
    ['refuses only what has a strange name', (query) => query.has('jwt'), 'HTTP 401'],
    ['refuses only what has no parameter', (query) => query.size === 0, 'closed with 4001'],
  ])('fails a server that %s', async (_, refuses, happened) => {
    const end = await judged(refuses);
    expect(end?.verdict).toBe('fail');
    expect(end?.failure?.actual).toContain(happened);
  });
});
