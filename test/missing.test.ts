import { describe, expect, it } from 'vitest';
import { missingLine } from './missing.js';

describe('the end of a run', () => {
  it('names what is missing, and the command that installs it', () => {
    const found = [
      ['chromium', false] as const,
      ['go', true] as const,
      ['redis-server', false] as const,
    ];
    expect(missingLine(found, 14)).toBe(
      'missing: chromium, redis-server; 14 tests were skipped. scripts/setup installs what is missing.',
    );
    expect(missingLine([['go', true]], 14)).toBeUndefined();
  });
});
