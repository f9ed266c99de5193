import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runConformance } from '#conformance/harness/run.js';
import { checks } from './index.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

// The reference server in a process of its own, which some line of `code` ends.
async function judged(code: string, ids: readonly string[]) {
  const server = `${code}; await import('./reference-server/main.ts')`;
  const failures = new Map<string, string>();
  await runConformance(
    {
      start: `exec node --conditions=source --import tsx --input-type=module -e "${server}"`,
      startOptions: { cwd: root },
      env: { PARLOR_LOG: 'off' },
    },
    {
      checks: checks.filter(({ id }) => ids.includes(id)),
      report: (event) => {
        if (event.event === 'check_end' && event.failure)
          failures.set(event.check, event.failure.actual);
      },
    },
  );
  return failures;
}

describe('a server that crashes', () => {
  it('in its drain fails, and what it printed is shown', async () => {
    const code = `process.on('SIGTERM', () => { throw new Error('no farewell today') })`;
    const failures = await judged(code, ['shutdown-exit-status-zero/sigterm']);
    expect(failures.get('shutdown-exit-status-zero/sigterm')).toMatch(
      /^it ended with status 1; its last output:\n[\s\S]*no farewell today/,
    );
  });

  it.each([
    [
      'an algorithm',
      "process.env.PARLOR_TOKEN_ALGORITHM === 'RS256'",
      'authentication-alg-unlisted-refused/RS256',
    ],
    ['a key set', 'process.env.PARLOR_TOKEN_JWKS_URL', 'authentication-kid-unknown-refused'],
  ])('of a valid token lacks no ability: %s', async (_, when, id) => {
    const code = `
      const { Server } = await import('node:http');
      const { emit } = Server.prototype;
      Server.prototype.emit = function (name, ...rest) {
        if (name === 'upgrade' && ${when}) throw new Error('no such key');
        return emit.call(this, name, ...rest);
      }`;
    const failures = await judged(code, [id]);
    expect(failures.get(id)).toMatch(/^it ended; its last output:\n[\s\S]*no such key/);
  });
});
