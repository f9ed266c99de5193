import { check } from '#conformance/harness/check.js';
import type { HandshakeResponse } from '#conformance/harness/handshake.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { signedBy, stranger } from './forgeries.js';
import { withKeySet } from './keysets.js';
import { closed } from './openings.js';
import { ASKED } from './ways.js';

// What of a token must not be told: the whole of it, and its signature.
function secretsOf(token: string): string[] {
  const signature = token.split('.')[2];
  return signature ? [token, signature] : [token];
}

function tellsNothing(t: Stage, where: string, text: string, tokens: readonly string[]): void {
  t.assert(!tokens.flatMap(secretsOf).some((secret) => text.includes(secret)), {
    expected: `${where} shows nothing of a token`,
    actual: `${where} shows the text of a token: ${text.slice(0, 500)}`,
  });
}

function framesTellNothing(t: Stage, peers: readonly Peer[], tokens: readonly string[]): void {
  for (const peer of peers)
    for (const { opcode, payload } of peer.frames)
      tellsNothing(
        t,
        opcode === 8 ? 'a close reason' : 'a frame',
        payload.toString('latin1'),
        tokens,
      );
}

const inText = ({
  status,
  headers,
  body,
}: Pick<HandshakeResponse, 'status' | 'headers' | 'body'>) =>
  `HTTP ${status} ${JSON.stringify(headers)} ${body}`;

/** The checks of what is kept secret, and of what happens when keys are out of reach. */
export const failures = [
  check('authentication-token-not-in-frames', async (t) => {
    // Short enough for a close reason, which holds 123 bytes.
    const nonsense = t.secret('this-is-no-token-4711');
    const { algorithm } = t.minter.config;
    const forged = t.secret(signedBy(t, algorithm, stranger(algorithm).key));
    const valid = t.mint('ann');
    const ann = await t.connect('ann', { token: valid });
    await ann.request('x.nothing', {});
    ann.sendText(`{"type":"ping","token":"${valid}"`);
    await ann.errs('invalid_json');
    const peers = [ann];
    for (const token of [nonsense, forged, t.mint('ann', { exp: 1 })]) {
      const peer = await t.open({ token });
      await peer.ends();
      peers.push(peer);
    }
    framesTellNothing(t, peers, [nonsense, forged, valid]);
  }),

  check(
    'authentication-token-not-in-frames',
    async (t) => {
      const nonsense = t.secret('this-is-no-token-4711');
      const fresh = t.mint('ann');
      const ann = await t.connect('ann');
      const peers = [ann];
      if (t.announces('auth_refresh')) {
        await ann.refuses('auth_failed', () => ann.request('auth', { token: nonsense }));
        await ann.acked('auth', { token: fresh });
      } else await ann.request('auth', { token: nonsense });
      if (t.announces('auth_message')) {
        const first = await t.open({ query: ASKED });
        first.send('auth', { token: nonsense });
        await first.ends();
        peers.push(first);
      }
      framesTellNothing(t, peers, [nonsense, fresh]);
    },
    { variant: 'auth' },
  ),

  check('authentication-token-not-in-http', async (t) => {
    const token = t.mint('ann');
    const refused = [
      { subprotocols: ['parlor.v9'] },
      { headers: { 'Sec-WebSocket-Version': '12' } },
      { headers: { 'Sec-WebSocket-Key': null } },
      { headers: { Upgrade: null, Connection: null } },
      { origin: 'https://evil.example' },
      { method: 'POST', headers: { 'Content-Length': '0' } },
    ];
    for (const options of [...refused, {}]) {
      const { response } = await t.open({ token, ...options });
      tellsNothing(t, 'the answer to a handshake', inText(response), [token]);
    }
    const { pathname } = new URL(t.urls[0] ?? '');
    for (const method of ['GET', 'HEAD', 'DELETE']) {
      const answer = await t.http(`${pathname}?token=${token}`, { method });
      tellsNothing(t, `the answer to ${method}`, inText(answer), [token]);
    }
  }),

  check('authentication-check-unavailable', (t) =>
    withKeySet(t, async ({ listener, at, minter, takes }) => {
      const peer = await t.open({ at, token: t.secret(minter.mint(t.user('bob'))) });
      await peer.ends();
      listener.manner = 'answer';
      await takes();
      await peer.closes(4103, 'backend_unavailable');
    }),
  ),

  check(
    'authentication-auth-parameter-ignored',
    async (t) => {
      const { welcome } = await t.connect('ann');
      const features = welcome.data['features'];
      if (Array.isArray(features) && features.includes('auth_message'))
        t.notExercised('`auth_message` is announced, whatever the runner asks for');
      await closed(t, { query: ASKED }, 4001, 'token_missing');
    },
    { instance: { PARLOR_FEATURES: 'operations' }, shared: true },
  ),
];
