import { describe, expect, it } from 'vitest';
import type { RunEvent } from '#conformance/harness/events.js';
import { redacting, redactor } from './redact.js';

const token = `${Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url')}.${Buffer.from('{"sub":"ann"}').toString('base64url')}.c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0`;
const secret = 'a "quoted" secret/1';
const redact = redactor([secret, 'cookie-of-ann']);

describe('redactor', () => {
  it.each([
    ['a token', `close 4001 ${token}`],
    ['a token in a query', `GET /ws?token=${token}&x=1 HTTP/1.1`],
    ['a token that is no JWT', 'GET /ws?token=c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0 HTTP/1.1'],
    ['a bearer header', 'Authorization: Bearer c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0'],
    ['a basic header in JSON', '{"authorization":"Basic c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0"}'],
    ['a cookie', 'Cookie: theme=dark; session_token=c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0'],
    ['a set cookie', 'set-cookie: session_token=c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0; HttpOnly'],
    ['an auth message', '{"type":"auth","data":{"token":"c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0"}}'],
    ['an escaped auth message', JSON.stringify('{"token":"c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0"}')],
    [
      'a variable of a command',
      "PARLOR_TOKEN_SECRET='c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0' node server.js",
    ],
    ['a URL with a password', 'wss://ann:c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0@host/ws'],
    [
      'a private key',
      '-----BEGIN PRIVATE KEY-----\nc2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0\n-----END PRIVATE KEY-----',
    ],
  ])('takes out %s', (_name, text) => {
    expect(redact(text)).not.toContain('c2lnbmF0dXJl');
    expect(redact(text)).toContain('redacted');
  });

  it('takes out the values it was given, however they are spelt', () => {
    for (const text of [
      secret,
      encodeURIComponent(secret),
      JSON.stringify({ secret }),
      'x cookie-of-ann y',
    ]) {
      expect(redact(text)).not.toMatch(/quoted|cookie-of-ann/);
    }
  });

  it('says which algorithm a token named, since failures are often about that', () => {
    expect(redact(token)).toBe('[token alg=HS256, 3 segments, redacted]');
  });

  it('leaves what is no secret', () => {
    const text =
      '{"type":"chat","room":"lounge","data":{"text":"the token expired at 5"}} 4001 token_missing';
    expect(redact(text)).toBe(text);
  });
});

describe('redacting', () => {
  it('hands on every event without secrets, in any depth', () => {
    const seen: RunEvent[] = [];
    const report = redacting((event) => void seen.push(event), ['cookie-of-ann']);
    report({
      event: 'finding',
      rule: 'r',
      check: 'c',
      failure: {
        rule: 'r',
        expected: [token],
        actual: 'cookie-of-ann',
        timeline: [
          { at_ms: 1, peer: 'ann', direction: 'sent', kind: 'http', text: `Cookie: a=${token}` },
        ],
        script: { ops: [{ text: token }] },
      },
    });
    expect(JSON.stringify(seen)).not.toMatch(/c2lnbmF0|cookie-of-ann/);
    expect(seen[0]).toMatchObject({ event: 'finding', failure: { timeline: [{ at_ms: 1 }] } });
  });
});
