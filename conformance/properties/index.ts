export { conversations } from './checks.js';
export { type Failed, failuresFolder, loadFailure } from './failures.js';
export type { Observation, ObserveOptions } from './observe.js';
export { type Rechecked, recheck, replay } from './replay.js';
export { coverageTable } from './table.js';
export { timeline } from './timeline.js';
