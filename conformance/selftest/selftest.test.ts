import { describe, expect, it } from 'vitest';
import { checks } from '#conformance/checks/index.js';
import { launcher } from '#conformance/mutants/launcher.js';
import { faults } from './faults.js';
import { harmless } from './harmless.js';
import { selftest } from './selftest.js';
import { event, rewritten } from './taps.js';

describe('a selftest', () => {
  it('sees every fault noticed, and nothing harmless taken for one', {
    timeout: 120_000,
  }, async () => {
    const { trials, oddities } = await selftest(
      { start: launcher({ parts: () => ({}) }) },
      { checks },
    );
    const told = trials.map(({ fault, verdict }) => [fault, verdict]);
    expect(told).toEqual(faults.map(({ name }) => [name, 'noticed']));
    expect(oddities.map(({ name, accused }) => [name, accused])).toEqual(
      harmless.map(({ name }) => [name, []]),
    );
  });

  it('says what was not noticed, and what could not be tried', async () => {
    const { trials } = await selftest(
      { start: launcher({ parts: () => ({}) }) },
      {
        checks,
        faults: [
          {
            name: 'unseen',
            text: 'An event has a member more.',
            rules: ['chat-delivered-once'],
            make: () => rewritten(event('chat'), (message) => ({ ...message, x_unseen: 1 })),
          },
          {
            name: 'absent',
            text: 'Events that nobody sends are lost.',
            rules: ['chat-delivered-once'],
            make: () => rewritten(event('x.nothing'), (message) => message),
          },
        ],
      },
    );
    expect(trials).toMatchObject([
      { fault: 'unseen', verdict: 'unnoticed', rules: ['chat-delivered-once'] },
      { fault: 'absent', verdict: 'untried', reason: 'the fault never came about' },
    ]);
  });
});
