import { expect, it } from 'vitest';
import { cluster as checks } from '#conformance/checks/cluster.js';
import { right, wrong } from './cluster.faults.js';
import { judge } from './gate.js';

it('a hub without a fault is a right broker', { timeout: 120_000 }, async () => {
  const none = wrong('cluster-instance-announced', 'no-fault', 'Nothing is wrong.', right);
  const { verdicts, said } = await judge(none, checks);
  const bad = Object.entries(verdicts).filter(([, verdict]) => verdict !== 'pass');
  expect({ bad, said: bad.length > 0 ? said : '' }).toEqual({ bad: [], said: '' });
  expect(Object.keys(verdicts)).toHaveLength(checks.length);
});
