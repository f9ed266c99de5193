import { type CheckOptions, check } from '#conformance/harness/check.js';
import { opcodes } from '#conformance/harness/frames.js';
import type { RuleId } from '#conformance/harness/requirements.js';
import type { Stage } from '#conformance/harness/stage.js';
import { assemble, type Changes, signWith } from '#conformance/harness/tokens.js';
import { refusedToken, signedBy, stranger, type Tokens } from './forgeries.js';
import { opened, welcomed } from './openings.js';

const HOUR_S = 3_600;
const now = () => Math.floor(Date.now() / 1000);

// Valid tokens but for one claim, which has each of these values.
function claiming(t: Stage, name: string, values: readonly unknown[]): Tokens {
  return Object.fromEntries(
    values.map((value) => [
      value === undefined ? `no ${name}` : `the ${name} ${brief(value)}`,
      t.mint('ann', { [name]: value }),
    ]),
  );
}

const brief = (value: unknown) => {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 20)}… (${text.length - 2} letters)` : text;
};

const refused = (
  rule: RuleId,
  name: string,
  values: (t: Stage) => readonly unknown[],
  options: CheckOptions = {},
) => refusedToken(rule, (t) => claiming(t, name, values(t)), options);

const issuer = (t: Stage) => t.minter.config.issuer ?? '';
const audience = (t: Stage) => t.minter.config.audience ?? '';

function otherCases(t: Stage, text: string): string[] {
  const made = [text.toUpperCase(), text.toLowerCase(), text[0]?.toUpperCase() + text.slice(1)];
  const others = made.filter((each) => each !== text);
  if (others.length === 0) t.notExercised(`${text} has no letters of two cases`);
  return others;
}

const needsAudience = { needs: ['audience'] } as const;
const needsIssuer = { needs: ['issuer'] } as const;

const expired = (): Changes => ({ exp: now() - HOUR_S });

const times = [
  refused('authentication-exp-required', 'exp', () => [undefined]),
  refused('authentication-exp-numeric', 'exp', () => [
    String(now() + HOUR_S),
    new Date(Date.now() + HOUR_S * 1000).toISOString(),
    'never',
    true,
    [now() + HOUR_S],
    {},
  ]),
  refusedToken(
    'authentication-expired',
    (t) => ({
      'a token that expired an hour ago': t.mint('ann', expired()),
      'a token that expired in 1970': t.mint('ann', { exp: 1 }),
      'a token whose exp is 0': t.mint('ann', { exp: 0 }),
      'a token that expired a good minute ago': t.mint('ann', { exp: now() - 70 }),
    }),
    { reason: 'token_expired' },
  ),
  refusedToken('authentication-expired-and-forged', (t) => {
    const { algorithm } = t.minter.config;
    const parts = t.minter.parts(t.user('ann'), expired());
    const valid = assemble(parts, (input) => signWith(algorithm, stranger(algorithm).key, input));
    return {
      'an expired token under another key': signedBy(
        t,
        algorithm,
        stranger(algorithm).key,
        {},
        expired(),
      ),
      'an expired token with an empty signature': valid.slice(0, valid.lastIndexOf('.') + 1),
    };
  }),
  refused('authentication-nbf-future-refused', 'nbf', () => [now() + HOUR_S, now() + 90]),
  refused('authentication-nbf-numeric', 'nbf', () => ['0', String(now() - HOUR_S), true, {}, null]),
];

const audiences = [
  refused('authentication-aud-missing-refused', 'aud', () => [undefined], needsAudience),
  refused(
    'authentication-aud-other-refused',
    'aud',
    (t) => [
      'another-service',
      `${audience(t)}-2`,
      audience(t).slice(0, -1),
      `not-${audience(t)}`,
      `${audience(t)}\n`,
      '',
      '*',
      ['another-service', 'billing'],
      [],
      [[audience(t)]],
      { [audience(t)]: true },
    ],
    needsAudience,
  ),
  refused(
    'authentication-aud-case-refused',
    'aud',
    (t) => otherCases(t, audience(t)),
    needsAudience,
  ),
  check(
    'authentication-aud-array-accepted',
    async (t) => {
      for (const aud of [['billing', audience(t)], [audience(t), 'billing'], [audience(t)]])
        await welcomed(t, { token: t.mint('ann', { aud }) });
    },
    needsAudience,
  ),
];

const issuers = [
  refused('authentication-iss-missing-refused', 'iss', () => [undefined], needsIssuer),
  refused(
    'authentication-iss-other-refused',
    'iss',
    (t) => [
      'https://evil.example',
      `${issuer(t)}/`,
      `${issuer(t)}.evil.example`,
      issuer(t).slice(0, -1),
      `${issuer(t)}\n`,
      // A dot stands for any letter where the issuer is taken for a pattern.
      ...(issuer(t).includes('.') ? [issuer(t).replaceAll('.', 'x')] : []),
      '',
      [issuer(t)],
    ],
    needsIssuer,
  ),
  refused('authentication-iss-case-refused', 'iss', (t) => otherCases(t, issuer(t)), needsIssuer),
];

// Exactly so many bytes in UTF-8, and a name that no other check uses.
const named = (t: Stage, letter: string, bytes: number) => {
  const name = t.user('ann');
  const letters = Math.floor((bytes - name.length) / Buffer.byteLength(letter));
  const filled = name + letter.repeat(letters);
  return filled + 'x'.repeat(bytes - Buffer.byteLength(filled));
};

const subjects = [
  refused('authentication-sub-required', 'sub', () => [undefined]),
  refused('authentication-sub-empty-refused', 'sub', () => ['']),
  refused('authentication-sub-not-string-refused', 'sub', () => [42, 0, true, null, ['ann'], {}]),
  check('authentication-sub-longest-accepted', async (t) => {
    for (const letter of ['x', 'é', '語', '🦊']) {
      const sub = named(t, letter, 255);
      const peer = await welcomed(t, { token: t.mint('ann', { sub }) });
      t.equal(peer.welcome.data.user, sub, 'the user in the welcome');
    }
  }),
  refused('authentication-sub-too-long-refused', 'sub', (t) => [
    named(t, 'x', 256),
    named(t, 'é', 256),
    named(t, '🦊', 256),
    named(t, 'x', 2_000),
  ]),
  refused('authentication-sub-control-refused', 'sub', (t) =>
    ['\u0000', '\n', '\r', '\t', '\u001b', '\u001f', '\u007f'].flatMap((control) => [
      `${t.user('ann')}${control}x`,
      `${t.user('ann')}${control}`,
    ]),
  ),
];

// JSON that is made of it writes each half as an escape.
const HALVES = { first: '\ud83d', last: '\udc00' };

const surrogates = check(
  'errors-lone-surrogate-not-relayed',
  async (t) => {
    // Who welcomes nobody relays nothing.
    await t.connect('ann');
    for (const [which, half] of Object.entries(HALVES)) {
      const peer = await opened(t, { token: t.mint('ann', { sub: `${t.user('ann')}${half}` }) });
      const welcome = () => peer.frames.find(({ opcode }) => opcode === opcodes.text);
      await peer.until(
        () => welcome() ?? peer.closed,
        () => ({
          expected: 'a connection is welcomed or closed whose sub has an unpaired surrogate',
          actual: 'it stays open, without a welcome',
        }),
        { outlivesClose: true },
      );
      const text = welcome()?.payload.toString() ?? '';
      // What is left of such escapes where those of pairs are taken away.
      const unpaired = text.replace(/\\ud[89ab]..\\ud[c-f]../gi, '');
      t.assert(!/[^\\]\\ud[89a-f]/i.test(unpaired), {
        expected: `no unpaired surrogate in the welcome of a connection whose sub ends in the ${which} half of a pair`,
        actual: `the welcome is ${text.slice(0, 300)}`,
        hint: 'Such a sub is no text, and whoever sees this user join would get it, too: refuse the token.',
      });
    }
  },
  { variant: 'sub' },
);

/** The checks of a token's claims. */
export const claims = [
  ...times,
  ...audiences,
  ...issuers,
  ...subjects,
  surrogates,
  refused('authentication-rooms-claim-malformed', 'rooms', () => [
    'lounge',
    {},
    { lounge: true },
    [1],
    ['lounge', null],
    [['lounge']],
    null,
    0,
    false,
    true,
  ]),
];
