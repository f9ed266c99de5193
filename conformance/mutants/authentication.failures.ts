import { type Mutant, mutant } from './mutant.js';

/** Faults in what is kept secret, and in what happens when keys are out of reach. */
export const failures: readonly Mutant[] = [
  mutant(
    'authentication-token-not-in-frames',
    'token-in-close-reason',
    'The close reason quotes the token that was refused.',
    ({ tokens, authentication }) => {
      let last = '';
      return {
        tokens: {
          judge: (token, ...rest) => {
            last = token;
            return tokens.judge(token, ...rest);
          },
        },
        authentication: {
          refusal: (fault) => {
            const { code, reason } = authentication.refusal(fault);
            return { code, reason: `${reason};value=${last}`.slice(0, 123) };
          },
        },
      };
    },
  ),
  mutant(
    'authentication-token-not-in-frames',
    'token-in-error',
    'The error quotes the token that was refused.',
    ({ errors }) => ({
      errors: {
        message: (core, request, code, text, details, at) =>
          errors.message(
            core,
            request,
            code,
            `${text} ${String(request.data['token'])}`,
            details,
            at,
          ),
      },
    }),
  ),
  mutant(
    'authentication-token-not-in-http',
    'token-in-error-page',
    'The answer to a refused handshake shows the query that was asked for.',
    ({ handshake }) => ({
      handshake: {
        checks: handshake.checks.map((check) => (core, opening) => {
          const refused = check(core, opening);
          return refused && { ...refused, detail: `${refused.detail} ?${opening.query}` };
        }),
      },
    }),
  ),
  mutant(
    'authentication-check-unavailable',
    'unavailable-called-invalid',
    'A token that could not be checked is refused as invalid.',
    () => ({ authentication: { unavailable: () => ({ code: 4001, reason: 'token_invalid' }) } }),
  ),
  mutant(
    'authentication-check-unavailable',
    'unavailable-called-failure',
    'A key set that is out of reach makes the handler fail.',
    () => ({ authentication: { unavailable: () => ({ code: 1011, reason: 'internal_error' }) } }),
  ),
  mutant(
    'authentication-auth-parameter-ignored',
    'auth-parameter-always',
    'The first message is awaited although auth_message is not announced.',
    ({ authentication }) => ({
      authentication: {
        choose: (found, core) =>
          found.first && found.tokens.length === 0
            ? { by: 'message' }
            : authentication.choose(found, core),
      },
    }),
  ),
];
