import type { RuleId } from '#conformance/harness/requirements.js';
import type { Parts, PartsOverrides } from '#server/parts.js';
import type { Claims } from '#server/tokens.js';
import { type Mutant, mutant } from './mutant.js';
import { judging, peek, reading } from './signatures.js';

const AUDIENCE = 'parlor-test';
const ISSUER = 'https://issuer.test';
const HOUR_S = 3_600;
const now = () => Math.floor(Date.now() / 1000);

// A server that reads one claim otherwise than it was written.
const claim = (
  rule: RuleId,
  name: string,
  fault: string,
  member: string,
  read: (value: unknown) => unknown,
): Mutant =>
  mutant(
    rule,
    name,
    fault,
    reading((claims) => {
      const value = read(claims[member]);
      if (value === undefined) delete claims[member];
      else claims[member] = value;
    }),
  );

// A server that judges the claims as if they were others, and then uses them as they are.
const judged =
  (as: (claims: Claims) => Claims) =>
  ({ tokens }: Parts): PartsOverrides => ({
    tokens: { claims: (claims, config, wall) => tokens.claims(as(claims), config, wall) },
  });

const isString = (value: unknown): value is string => typeof value === 'string';

const times: readonly Mutant[] = [
  claim(
    'authentication-exp-required',
    'exp-optional',
    'A token without exp never ends.',
    'exp',
    (exp) => (exp === undefined ? now() + HOUR_S : exp),
  ),
  claim(
    'authentication-exp-numeric',
    'exp-parsed',
    'An exp in quotes is read as a number.',
    'exp',
    (exp) => (isString(exp) ? Number(exp) : exp),
  ),
  claim('authentication-exp-numeric', 'exp-date', 'An exp may be a date.', 'exp', (exp) =>
    isString(exp) && exp.includes('T') ? Date.parse(exp) / 1000 : exp,
  ),
  mutant('authentication-expired', 'expiry-unchecked', 'Expired tokens are taken.', () => ({
    tokens: { expired: () => false },
  })),
  mutant(
    'authentication-expired',
    'expiry-generous',
    'An expired token is taken for five minutes more.',
    ({ tokens }) => ({
      tokens: {
        expired: (claims, config, wall) => tokens.expired(claims, config, wall - 300_000),
      },
    }),
  ),
  mutant(
    'authentication-expired',
    'exp-zero-missing',
    'An exp of 0 is taken for none.',
    ({ tokens }) => ({
      tokens: {
        claims: (claims, config, wall) =>
          claims['exp'] !== 0 && tokens.claims(claims, config, wall),
      },
    }),
  ),
  mutant(
    'authentication-expired',
    'expired-called-invalid',
    'An expired token is refused as invalid.',
    ({ authentication }) => ({
      authentication: { refusal: () => authentication.refusal('token_invalid') },
    }),
  ),
  mutant(
    'authentication-expired-and-forged',
    'expiry-before-signature',
    'The expiry is looked at before the signature.',
    judging(async (right, token, config, ...rest) => {
      const claims = peek(token);
      const over = claims && Number(claims['exp']) * 1000 < Date.now();
      return over ? 'token_expired' : right.judge(token, config, ...rest);
    }),
  ),
  claim(
    'authentication-nbf-future-refused',
    'nbf-unchecked',
    'nbf is not looked at.',
    'nbf',
    () => undefined,
  ),
  claim(
    'authentication-nbf-future-refused',
    'nbf-generous',
    'A token is taken up to five minutes before its nbf.',
    'nbf',
    (nbf) => (typeof nbf === 'number' ? nbf - 300 : nbf),
  ),
  claim(
    'authentication-nbf-numeric',
    'nbf-null-absent',
    'An nbf of null is taken for none.',
    'nbf',
    (nbf) => nbf ?? undefined,
  ),
  claim(
    'authentication-nbf-numeric',
    'nbf-parsed',
    'An nbf in quotes is read as a number.',
    'nbf',
    (nbf) => (isString(nbf) ? Number(nbf) : nbf),
  ),
  claim(
    'authentication-nbf-numeric',
    'nbf-compared-loosely',
    'An nbf that is no number is not in the future.',
    'nbf',
    (nbf) => (typeof nbf === 'number' ? nbf : undefined),
  ),
];

const audiences: readonly Mutant[] = [
  claim(
    'authentication-aud-missing-refused',
    'aud-optional',
    'aud is checked only where it is present.',
    'aud',
    (aud) => (aud === undefined ? AUDIENCE : aud),
  ),
  claim('authentication-aud-other-refused', 'aud-unchecked', 'Every aud is taken.', 'aud', (aud) =>
    aud === undefined ? aud : AUDIENCE,
  ),
  claim(
    'authentication-aud-other-refused',
    'aud-searched',
    'The aud has to contain the audience somewhere.',
    'aud',
    (aud) => (isString(aud) && aud.includes(AUDIENCE) ? AUDIENCE : aud),
  ),
  claim(
    'authentication-aud-other-refused',
    'aud-part',
    'A part of the audience is enough.',
    'aud',
    (aud) => (isString(aud) && aud !== '' && AUDIENCE.includes(aud) ? AUDIENCE : aud),
  ),
  claim(
    'authentication-aud-other-refused',
    'aud-trimmed',
    'White space around aud is dropped.',
    'aud',
    (aud) => (isString(aud) ? aud.trim() : aud),
  ),
  claim(
    'authentication-aud-other-refused',
    'aud-array-unchecked',
    'An aud that is an array is taken.',
    'aud',
    (aud) => (Array.isArray(aud) && aud.length > 0 ? AUDIENCE : aud),
  ),
  claim(
    'authentication-aud-case-refused',
    'aud-any-case',
    'The aud is compared without case.',
    'aud',
    (aud) => (isString(aud) && aud.toLowerCase() === AUDIENCE ? AUDIENCE : aud),
  ),
  claim(
    'authentication-aud-array-accepted',
    'aud-no-array',
    'An aud has to be a string.',
    'aud',
    (aud) => (Array.isArray(aud) ? 'array' : aud),
  ),
  claim(
    'authentication-aud-array-accepted',
    'aud-array-first',
    'Only the first of several aud is looked at.',
    'aud',
    (aud) => (Array.isArray(aud) ? aud[0] : aud),
  ),
];

const issuers: readonly Mutant[] = [
  claim(
    'authentication-iss-missing-refused',
    'iss-optional',
    'iss is checked only where it is present.',
    'iss',
    (iss) => (iss === undefined ? ISSUER : iss),
  ),
  claim('authentication-iss-other-refused', 'iss-unchecked', 'Every iss is taken.', 'iss', (iss) =>
    iss === undefined ? iss : ISSUER,
  ),
  claim(
    'authentication-iss-other-refused',
    'iss-as-pattern',
    'The issuer is a pattern in which a dot stands for any letter.',
    'iss',
    (iss) => (isString(iss) && new RegExp(`^${ISSUER}$`).test(iss) ? ISSUER : iss),
  ),
  claim(
    'authentication-iss-other-refused',
    'iss-slash',
    'A slash at the end of iss is dropped.',
    'iss',
    (iss) => (isString(iss) ? iss.replace(/\/$/, '') : iss),
  ),
  claim(
    'authentication-iss-other-refused',
    'iss-prefix',
    'An iss that begins with the issuer is taken.',
    'iss',
    (iss) => (isString(iss) && iss.startsWith(ISSUER) ? ISSUER : iss),
  ),
  claim(
    'authentication-iss-case-refused',
    'iss-any-case',
    'The iss is compared without case.',
    'iss',
    (iss) => (isString(iss) && iss.toLowerCase() === ISSUER ? ISSUER : iss),
  ),
];

const named = (sub: (value: unknown) => unknown) =>
  judged((claims) => ({ ...claims, sub: sub(claims['sub']) }));

const subjects: readonly Mutant[] = [
  claim(
    'authentication-sub-required',
    'sub-undefined',
    'Without sub the user is `undefined`.',
    'sub',
    (sub) => (sub === undefined ? 'undefined' : sub),
  ),
  claim(
    'authentication-sub-empty-refused',
    'sub-anonymous',
    'An empty sub is a guest.',
    'sub',
    (sub) => (sub === '' ? 'anonymous' : sub),
  ),
  claim(
    'authentication-sub-not-string-refused',
    'sub-turned-to-text',
    'A sub is turned into text.',
    'sub',
    (sub) => (sub === undefined ? sub : String(sub)),
  ),
  claim(
    'authentication-sub-not-string-refused',
    'sub-number-to-text',
    'A sub may be a number.',
    'sub',
    (sub) => (typeof sub === 'number' ? String(sub) : sub),
  ),
  claim(
    'authentication-sub-longest-accepted',
    'sub-64',
    'A sub has at most 64 characters.',
    'sub',
    (sub) => (isString(sub) && sub.length > 64 ? '' : sub),
  ),
  claim(
    'authentication-sub-longest-accepted',
    'sub-254',
    'A sub has fewer than 255 bytes.',
    'sub',
    (sub) => (isString(sub) && Buffer.byteLength(sub) > 254 ? '' : sub),
  ),
  mutant(
    'authentication-sub-too-long-refused',
    'sub-in-utf16',
    'The length of a sub is counted in UTF-16 units.',
    named((sub) => (isString(sub) && sub.length <= 255 ? 'short' : sub)),
  ),
  mutant(
    'authentication-sub-too-long-refused',
    'sub-unbounded',
    'A sub may be of any length.',
    named((sub) => (isString(sub) ? sub.slice(0, 10) : sub)),
  ),
  claim('authentication-sub-too-long-refused', 'sub-cut', 'A long sub is cut off.', 'sub', (sub) =>
    isString(sub) ? sub.slice(0, 255) : sub,
  ),
  mutant(
    'authentication-sub-control-refused',
    'sub-any-character',
    'A sub may have any character.',
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is let through.
    named((sub) => (isString(sub) ? sub.replace(/[\u0000-\u001f\u007f]/g, '') : sub)),
  ),
  mutant(
    'authentication-sub-control-refused',
    'sub-delete-allowed',
    'U+007F is not taken for a control character.',
    named((sub) => (isString(sub) ? sub.replaceAll('\u007f', '') : sub)),
  ),
  mutant(
    'errors-lone-surrogate-not-relayed',
    'sub-with-half-a-pair',
    'A sub may have an unpaired surrogate.',
    named((sub) => (isString(sub) ? sub.toWellFormed() : sub)),
  ),
  claim(
    'authentication-sub-control-refused',
    'sub-trimmed',
    'White space around a sub is dropped.',
    'sub',
    (sub) => (isString(sub) ? sub.trim() : sub),
  ),
];

const rooms: readonly Mutant[] = [
  claim(
    'authentication-rooms-claim-malformed',
    'rooms-unreadable-ignored',
    'A rooms claim that is no array allows every room.',
    'rooms',
    (rooms) => (Array.isArray(rooms) ? rooms : undefined),
  ),
  claim(
    'authentication-rooms-claim-malformed',
    'rooms-wrapped',
    'A rooms claim that is a string is one room.',
    'rooms',
    (rooms) => (isString(rooms) ? [rooms] : rooms),
  ),
  claim(
    'authentication-rooms-claim-malformed',
    'rooms-null',
    'A rooms claim that is null counts as none.',
    'rooms',
    (rooms) => (rooms === null ? undefined : rooms),
  ),
  claim(
    'authentication-rooms-claim-malformed',
    'rooms-filtered',
    'What is no string in a rooms claim is dropped.',
    'rooms',
    (rooms) => (Array.isArray(rooms) ? rooms.filter(isString) : rooms),
  ),
];

/** Faults in the judgement of claims. */
export const claims: readonly Mutant[] = [
  ...times,
  ...audiences,
  ...issuers,
  ...subjects,
  ...rooms,
];
