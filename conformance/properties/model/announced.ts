import type { Announced } from '../trace.js';
import type { Style } from './server.js';

const times = { window_ms: 60_000, close_after: 0 };

/** What the modelled server announces. */
export const announced: Announced = {
  features: ['direct', 'broadcast', 'binary', 'resume'],
  limits: {
    max_message_bytes: 65_536,
    max_text_bytes: 4_096,
    max_rooms: 50,
    max_listed_members: 1_000,
    max_connections_per_user: 10,
    max_protocol_errors: 20,
    protocol_error_window_ms: 60_000,
    max_queue_bytes: 1_048_576,
  },
  rates: [
    {
      bucket: 'messages',
      types: ['chat', 'direct', 'broadcast', 'binary'],
      limit: 10,
      scope: 'user',
      ...times,
    },
    {
      bucket: 'control',
      types: ['join', 'leave', 'members', 'typing', 'ping'],
      limit: 120,
      scope: 'connection',
      ...times,
    },
  ],
  heartbeat: { interval_ms: 30_000, timeout_ms: 10_000 },
  typing_ttl_ms: 6_000,
  resume: { window_ms: 60_000, max_events: 1_000 },
  dedup_window_ms: 60_000,
};

/** The same without any profile but core. */
export const coreOnly: Announced = {
  ...announced,
  features: [],
  resume: undefined,
  dedup_window_ms: undefined,
};

/** Right servers of every style. */
export const styles: Style[] = Array.from({ length: 16 }, (_, bits) => ({
  ackFirst: (bits & 1) !== 0,
  fanOut: (bits & 2) !== 0,
  forgetful: (bits & 4) !== 0,
  coalescing: (bits & 8) !== 0,
}));
