import type { CoverageSection } from '#conformance/harness/events.js';
import type { Coverage } from './coverage.js';

/** What many conversations have exercised, for people: replies by request and state, deliveries, and pairs in flight. */
export function coverageTable({
  conversations,
  replies,
  pairs,
  stable,
  racing,
  mistakes,
}: Coverage): CoverageSection[] {
  const rows = (map: ReadonlyMap<string, number>) =>
    [...map].map(([what, times]) => ({ what, times })).sort((a, b) => b.times - a.times);
  return [
    {
      title: 'Conversations and deliveries',
      rows: [
        { what: 'conversations', times: conversations },
        { what: 'different mistakes made', times: mistakes.size },
        {
          what: 'times that the rarest of them was made',
          times: mistakes.size === 0 ? 0 : Math.min(...mistakes.values()),
        },
        { what: 'deliveries to settled members', times: stable },
        { what: 'deliveries to members who were coming or going', times: racing },
      ],
    },
    { title: 'Requests by the state of their sender, and how they ended', rows: rows(replies) },
    {
      title: 'Requests of two connections that were under way together in a room',
      rows: rows(pairs),
    },
  ];
}
