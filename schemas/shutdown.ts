import Type from 'typebox';
import { as, closed, event, Milliseconds } from './envelope.js';

export const serverShutdown = event('server_shutdown', 'The server is about to close.', {
  data: closed({
    reason: Type.Enum(['restart', 'shutdown', 'maintenance'], { description: 'Why it closes.' }),
    grace_ms: as(Milliseconds, 'Time until the close.'),
    reconnect: Type.Boolean({ description: 'Whether the client is to come back.' }),
    retry_after_ms: as(Milliseconds, 'When to come back; drawn per connection.'),
  }),
});
