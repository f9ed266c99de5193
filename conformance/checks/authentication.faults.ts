import { check } from '#conformance/harness/check.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Changes } from '#conformance/harness/tokens.js';
import { rightlySigned, signedBy, stranger } from './forgeries.js';
import { decided, opened } from './openings.js';
import { asked, heardInTime } from './ways.js';

const inAnHour = () => Math.floor(Date.now() / 1000) + 3_600;
// Longer than a token may be, with all else that it has.
const PAD = 'x'.repeat(7_000);

// Claims that a token in the query is refused for, each for a rule of its own.
const claims = (t: Stage): Readonly<Record<string, Changes>> => {
  const { audience, issuer } = t.minter.config;
  return {
    'an exp in quotes': { exp: String(inAnHour()) },
    'no exp': { exp: undefined },
    'an nbf of the future': { nbf: inAnHour() },
    'an nbf in quotes': { nbf: '0' },
    'no sub': { sub: undefined },
    'an empty sub': { sub: '' },
    'a sub that is a number': { sub: 42 },
    'a sub with a line break': { sub: `${t.user('ann')}\nx` },
    'a sub of more than 255 bytes': { sub: t.user('ann').padEnd(256, 'x') },
    'a rooms claim that is a string': { rooms: t.room('lounge') },
    'a rooms claim with a number in it': { rooms: [t.room('lounge'), 1] },
    'a rooms claim that is null': { rooms: null },
    ...(audience === undefined
      ? {}
      : { 'another aud': { aud: `${audience}-2` }, 'no aud': { aud: undefined } }),
    ...(issuer === undefined
      ? {}
      : { 'another iss': { iss: `${issuer}/` }, 'no iss': { iss: undefined } }),
    ...(t.welcome.limits.max_message_bytes > 2 * PAD.length
      ? { 'more than 8192 bytes': { pad: PAD } }
      : {}),
  };
};

// The same of headers, signatures and segments.
const forgeries = (t: Stage, user: string): Readonly<Record<string, () => string>> => {
  const { algorithm } = t.minter.config;
  const { header, claims: right } = t.minter.parts(user);
  const who = stranger(algorithm);
  const [head, body, signature = ''] = t.minter.mint(user).split('.');
  const headed = (changes: Changes) => rightlySigned(t, { ...header, ...changes }, right);
  return {
    'a crit that lists x-unknown': () => headed({ crit: ['x-unknown'], 'x-unknown': true }),
    'b64 false': () => headed({ crit: ['b64'], b64: false }),
    'the alg none': () => headed({ alg: 'none' }),
    'its alg in lower case': () => headed({ alg: algorithm.toLowerCase() }),
    'another key': () => signedBy(t, algorithm, who.key, {}, right),
    'its own key in its jwk': () => signedBy(t, algorithm, who.key, { jwk: who.jwk }, right),
    'an empty signature': () => `${head}.${body}.`,
    'a truncated signature': () => `${head}.${body}.${signature.slice(0, 8)}`,
    'two segments': () => `${head}.${body}`,
    'five segments': () => `${head}.${body}.${signature}.${signature}.${signature}`,
  };
};

// Tokens of a user, each with one fault, by what they have.
const faulty = (t: Stage, user: string): [string, () => string][] => [
  ...Object.entries(claims(t)).map(([what, changes]): [string, () => string] => [
    what,
    () => t.minter.mint(user, changes),
  ]),
  ...Object.entries(forgeries(t, user)),
];

const ONE_CHECK = (what: string, where: string) =>
  `The token has ${what}, and came ${where}. Judge all tokens in one place, whichever way they come: where a second one reads them, it forgets a step.`;

// What is taken in the query as well is no matter of the way: other rules name that fault.
async function takenInQuery(t: Stage, token: string): Promise<boolean> {
  const peer = await opened(t, { token });
  await decided(peer, 'a connection with a faulty token is welcomed or closed');
  return peer.welcomed;
}

// So many of them on one connection, which is far below any rate.
const AT_ONCE = 8;

/** The checks that a token is judged alike, whichever way it comes. */
export const faults = [
  check(
    'authentication-message-token-refused',
    async (t) => {
      t.needs('auth_message');
      await Promise.all(
        faulty(t, t.user('ann')).map(async ([what, forge]) => {
          const token = t.secret(forge());
          const found = await t.finds(async () => {
            const peer = await asked(t, { label: what });
            peer.send('auth', { token });
            const hint = ONE_CHECK(what, 'in the first message');
            await heardInTime(t, peer, () => peer.closes(4001, 'token_invalid', 0, hint));
            t.equal(peer.received(), [], 'what comes before the close');
          });
          if (found && !(await takenInQuery(t, token))) throw found;
        }),
      );
    },
    { variant: 'each-fault' },
  ),

  check(
    'authentication-refresh-rejected',
    async (t) => {
      const { length: count } = faulty(t, t.user('ann'));
      const users = Array.from({ length: Math.ceil(count / AT_ONCE) }, (_, i) => `ann${i}`);
      await Promise.all(
        users.map(async (label, i) => {
          const ann = await t.connect(label);
          const own = faulty(t, ann.user).slice(i * AT_ONCE, (i + 1) * AT_ONCE);
          for (const [what, forge] of own) {
            const token = t.secret(forge());
            const { type, data } = await ann.request('auth', { token });
            const refused = type === 'error' && data.code === 'auth_failed';
            t.assert(refused || (await takenInQuery(t, token)), {
              expected: `an auth whose token has ${what} is answered with auth_failed`,
              actual: `${ann.label} received ${type} ${data.code ?? ''}`,
              hint: ONE_CHECK(what, 'in an auth'),
            });
          }
        }),
      );
    },
    { variant: 'each-fault' },
  ),
];
