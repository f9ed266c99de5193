import type { Course } from './course.js';
import type { RuleId } from './requirements.js';
import type { Sign } from './signs.js';

// Why a server may have closed a connection that a check counted on.
const CLOSED: Readonly<Record<number, RuleId>> = {
  1002: 'errors-connection-kept',
  1003: 'errors-connection-kept',
  1007: 'errors-connection-kept',
  1008: 'errors-connection-kept',
  1011: 'errors-connection-kept',
  4000: 'errors-budget-tolerated',
  4005: 'limits-connections-reached',
  4101: 'rates-close-after-not-before',
  4102: 'backpressure-short-pause-tolerated',
  4201: 'heartbeat-answering-peer-kept',
};

/** Signs in how connections ended. */
export function* endings({ clients }: Course): Iterable<Sign> {
  for (const { closed, label } of clients) {
    const rule = closed?.by === 'frame' ? CLOSED[closed.code] : undefined;
    if (rule) yield { rule, told: `${label}'s connection was ${closed?.detail}` };
  }
}
