import { describe, expect, it } from 'vitest';
import { countProfiles, words } from './table.js';

const checks = [
  { profile: 'direct', verdict: 'not_exercised' },
  { profile: 'logs', verdict: 'not_exercised' },
  { profile: 'transport', verdict: 'warning' },
  { profile: 'core', verdict: 'pass' },
  { profile: 'core', verdict: 'fail' },
];
const profiles = countProfiles({ target: {}, checks });
const row = { server: 's', stack: 'any', right: false, announced: [], profiles };

describe('the interop table', () => {
  it('begins with what every server has', () => {
    expect(Object.keys(profiles)).toEqual(['core', 'transport', 'direct', 'logs']);
  });

  it('says what passed and failed, or why nothing did', () => {
    const cells = [...Object.keys(profiles), 'cluster'].map((profile) => words(profile, row));
    expect(cells).toEqual([
      '1 passed, **1 failed**',
      '0 passed, 1 warned',
      'not announced',
      'not exercised',
      'not run',
    ]);
  });
});
