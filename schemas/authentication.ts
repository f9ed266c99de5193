import Type from 'typebox';
import { ack, as, closed, event, Milliseconds, open, request, Timestamp } from './envelope.js';

export const authRequest = request('auth', 'Presents a token on an open connection.', {
  data: open({ token: Type.String({ description: 'A JWT.', minLength: 1 }) }),
});

export const authAck = ack(
  'The token was accepted.',
  closed({ expires_at: as(Timestamp, 'When the token expires.') }),
  {},
);

export const authExpiring = event('auth_expiring', 'The credentials are about to expire.', {
  data: closed({
    expires_at: as(Timestamp, 'When they expire.'),
    in_ms: as(Milliseconds, 'How long from now.'),
  }),
});
