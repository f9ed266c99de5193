import type { Coverage } from './coverage.js';

/** One row of what conversations have exercised. */
export interface Row {
  what: string;
  times: number;
}

/** What many conversations have exercised, for people: replies by request and state, deliveries, and pairs in flight. */
export function coverageTable({
  conversations,
  replies,
  pairs,
  stable,
  racing,
}: Coverage): { title: string; rows: Row[] }[] {
  const rows = (map: ReadonlyMap<string, number>) =>
    [...map].map(([what, times]) => ({ what, times })).sort((a, b) => b.times - a.times);
  return [
    {
      title: 'Conversations and deliveries',
      rows: [
        { what: 'conversations', times: conversations },
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
