import Type from 'typebox';
import { MOST_LISTED } from './bounds.js';
import { as, Count, closed, Milliseconds, Positive } from './envelope.js';

export const Limits = closed(
  {
    max_message_bytes: as(
      Positive,
      'Longest message in bytes, after reassembly and inflation; a longer one closes 1009.',
    ),
    max_text_bytes: as(Positive, 'Longest `text`, in bytes of UTF-8.'),
    max_rooms: as(Positive, 'Rooms that one connection may be in.'),
    max_listed_members: Type.Integer({
      description: 'Users that `members` lists at most.',
      minimum: 1,
      maximum: MOST_LISTED,
    }),
    max_connections_per_user: as(Positive, 'Connections that one user may have.'),
    max_protocol_errors: as(
      Positive,
      'Protocol errors in a window that close the connection with 4000.',
    ),
    protocol_error_window_ms: as(Milliseconds, 'Length of that window in milliseconds.'),
    max_queue_bytes: as(
      Count,
      'Bytes that may wait for a connection that does not read; more close it with 4102.',
    ),
  },
  { description: 'The limits that the server enforces.' },
);
