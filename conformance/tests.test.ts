import { describe, expect, it } from 'vitest';
import { checks } from './checks/index.js';
import { check } from './harness/check.js';
import { conformanceTests } from './index.js';
import { launcher } from './mutants/launcher.js';

const start = launcher({ parts: () => ({}) });

describe('the checks as tests', () => {
  const rooms = checks.filter(({ rule }) => rule.startsWith('rooms-names-'));
  for (const { name, run } of conformanceTests({ start }, { checks: rooms })) it(name, () => run());
});

describe('a test', () => {
  const outcome = (one: ReturnType<typeof check>, skip?: (reason: string) => void) =>
    conformanceTests({ start }, { checks: [one] })[0]?.run(skip);

  it('fails with the sentence, what was expected, what happened, and the frames', async () => {
    const failing = check('rooms-fresh-seq-zero', async ({ connect, equal }) => {
      const ann = await connect('ann');
      equal((await ann.joins('lounge')).data.seq, 7, 'seq');
    });
    await expect(outcome(failing)).rejects.toThrow(
      /MUST be 0\.\nexpected: seq is 7\nactual: {3}seq is 0\n.* ann +sent handshake GET \/ws\?token=\[redacted\].*"join"/s,
    );
  });

  it('is skipped where the target cannot be asked', async () => {
    const reasons: string[] = [];
    const asking = check('rooms-fresh-seq-zero', async (t) => t.notExercised('no such thing'));
    await outcome(asking, (reason) => reasons.push(reason));
    expect(reasons).toEqual(['no such thing']);
  });

  it('fails with one sentence when the target cannot be tested', async () => {
    const tests = conformanceTests({
      url: 'ws://127.0.0.1:9/ws',
      token: { algorithm: 'HS256', secret: 's' },
    });
    await expect(tests[0]?.run()).rejects.toThrow(/^nothing accepts connections at 127\.0\.0\.1:9/);
  });
});
