import { describe, expect, it } from 'vitest';
import { readEnvironment } from './environment.js';
import { OptionError, resolveOptions } from './options.js';
import { sessionKey } from './sessions.js';

const SECRET = 'x'.repeat(32);

const config = (env: Record<string, string>) =>
  resolveOptions(readEnvironment({ PARLOR_TOKEN_SECRET: SECRET, ...env }).options);

describe('the environment', () => {
  it('has the defaults of the specification', () => {
    expect(config({})).toMatchObject({
      path: '/ws',
      heartbeat: { interval_ms: 30_000, timeout_ms: 10_000 },
      limits: { max_message_bytes: 65_536, max_text_bytes: 4_096, max_rooms: 50 },
      rates: [
        { bucket: 'messages', limit: 10, window_ms: 60_000, scope: 'user', close_after: 0 },
        { bucket: 'control', limit: 120, window_ms: 60_000, scope: 'connection', close_after: 0 },
      ],
      typingTtlMs: 6_000,
      graceMs: 10_000,
      deflate: false,
    });
  });

  it('announces what it is told to, and types of no other profile', () => {
    const { features, rates, resume } = config({ PARLOR_FEATURES: 'direct, operations' });
    expect([...features]).toEqual(['direct', 'operations']);
    expect(rates.map(({ types }) => types)).toEqual([
      ['chat', 'direct'],
      ['join', 'leave', 'members', 'typing', 'ping'],
    ]);
    expect(resume).toBeNull();
  });

  it('reads numbers, lists and sessions', async () => {
    const env = {
      PARLOR_MESSAGES_LIMIT: '3',
      PARLOR_CONTROL_CLOSE_AFTER: '5',
      PARLOR_MAX_ROOMS: '2',
      PARLOR_ALLOWED_ORIGINS: 'https://a.test, https://a.test:8443',
    };
    const { rates, limits, allowedOrigins } = config(env);
    expect(rates.map(({ limit, close_after }) => [limit, close_after])).toEqual([
      [3, 0],
      [120, 5],
    ]);
    expect(limits.max_rooms).toBe(2);
    expect(allowedOrigins).toEqual(['https://a.test', 'https://a.test:8443']);
    const { options } = readEnvironment({ PARLOR_SESSIONS: 's1=ann,s2=bob' });
    expect(await options.sessions?.find(sessionKey('s2'))).toMatchObject({ user: 'bob' });
  });

  it.each([
    [{ PARLOR_TOKEN_ALGORITHM: 'none' }, 'PARLOR_TOKEN_ALGORITHM must be one of HS256'],
    [{ PARLOR_TOKEN_ALGORITHM: 'RS256' }, 'needs a public key'],
    [{ PARLOR_TOKEN_JWKS_URL: 'nowhere' }, 'PARLOR_TOKEN_JWKS_URL must be a URL, not "nowhere".'],
    [{ PARLOR_ALLOWED_ORIGINS: 'https://a.test/' }, 'must be a scheme, a host and perhaps a port'],
    [{ PARLOR_ALLOWED_ORIGINS: 'null' }, 'must be a scheme, a host and perhaps a port'],
    [{ PARLOR_FEATURES: 'directs' }, 'A feature must be one of'],
    [{ PARLOR_SESSIONS: 'ann' }, 'PARLOR_SESSIONS must be a list of value=user, not "ann".'],
    [{ PARLOR_SESSIONS: 's=ann,s=bob' }, 'must have each value once, not again for bob.'],
    [{ PARLOR_MESSAGES_LIMIT: '0' }, 'PARLOR_MESSAGES_LIMIT must be an integer of at least 1'],
    [{ PARLOR_MAX_MESSAGE_BYTES: '4096' }, 'must exceed max_text_bytes'],
    [{ PARLOR_MAX_QUEUE_BYTES: '65536' }, 'must exceed max_message_bytes'],
    [{ PARLOR_MAX_TEXT_BYTES: '0' }, 'PARLOR_MAX_TEXT_BYTES must be an integer of at least 1'],
    [{ PARLOR_MAX_ROOMS: '0' }, 'PARLOR_MAX_ROOMS must be an integer of at least 1, not "0".'],
    [{ PARLOR_MAX_LISTED_MEMBERS: '1001' }, 'max_listed_members must be at most 1000, not 1001.'],
    [
      { PARLOR_MAX_CONNECTIONS_PER_USER: '0' },
      'PARLOR_MAX_CONNECTIONS_PER_USER must be an integer of at least 1, not "0".',
    ],
    [
      { PARLOR_MAX_PROTOCOL_ERRORS: '0' },
      'PARLOR_MAX_PROTOCOL_ERRORS must be an integer of at least 1, not "0".',
    ],
    [{ PARLOR_HEARTBEAT_TIMEOUT_MS: '1' }, 'The heartbeat timeout'],
    [{ PARLOR_DEFLATE: 'yes' }, 'PARLOR_DEFLATE must be on or off, not "yes".'],
    [{ PORT: '99999' }, 'PORT must be at most 65535, not "99999".'],
  ])('refuses %j in a sentence', (env, sentence) => {
    expect(() => config(env)).toThrow(OptionError);
    expect(() => config(env)).toThrow(sentence);
  });

  it.each([
    'max_text_bytes',
    'max_rooms',
    'max_listed_members',
    'max_connections_per_user',
    'max_protocol_errors',
  ])('refuses a %s of 0 also from a program', (name) => {
    const options = { tokens: { secret: SECRET }, limits: { [name]: 0 } };
    expect(() => resolveOptions(options)).toThrow(
      `The limit ${name} must be an integer of at least 1, not 0.`,
    );
  });
});
