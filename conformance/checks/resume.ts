import { duplicates } from './resume.duplicates.js';
import { limits } from './resume.limits.js';
import { replays } from './resume.replays.js';

/** The checks of spec/resume.md. */
export const resume = [...replays, ...limits, ...duplicates];
