import { contents } from './resume.contents.js';
import { duplicates } from './resume.duplicates.js';
import { feeds } from './resume.feeds.js';
import { limits } from './resume.limits.js';
import { replays } from './resume.replays.js';

/** The checks of spec/resume.md. */
export const resume = [...replays, ...feeds, ...limits, ...duplicates, ...contents];
