import type { RuleId } from './requirements.js';

/** Rules that nobody can see from outside, each with the reason. */
export const excluded: Partial<Record<RuleId, string>> = {};
