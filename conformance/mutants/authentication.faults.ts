import type { Parts } from '#server/parts.js';
import type { TokensParts } from '#server/tokens.js';
import { type Mutant, mutant } from './mutant.js';
import { configuredKey, isSignedBy, parse } from './signatures.js';

type Came = 'with the handshake' | 'in the first message' | 'in an auth';

// A server that judges tokens otherwise which came in one way.
const judgingThose =
  (came: Came, judge: (right: TokensParts) => Partial<TokensParts>): Mutant['parts'] =>
  ({ handshake, steps, tokens }: Parts) => {
    const ways = new Map<string, Came>();
    const other: TokensParts = { ...tokens, ...judge(tokens) };
    return {
      handshake: {
        found: (core, opening) => {
          const found = handshake.found(core, opening);
          for (const token of found.tokens) ways.set(token, 'with the handshake');
          return found;
        },
      },
      steps: {
        auth: (core, connection, incoming) => {
          ways.set(String(incoming.request.data['token']), 'in an auth');
          return steps['auth']?.(core, connection, incoming) ?? [];
        },
      },
      tokens: {
        judge: (token, ...given) => {
          const way = ways.get(token) ?? 'in the first message';
          return (way === came ? other : tokens).judge(token, ...given);
        },
      },
    };
  };

// What a second function forgets that reads tokens.
const forgotten: Readonly<
  Record<string, { fault: string; judge: (right: TokensParts) => Partial<TokensParts> }>
> = {
  'crit-taken': {
    fault: 'its crit is not looked at',
    judge: (right) => ({
      header: ({ crit: _, ...header }, config) => right.header(header, config),
      signature: async (token, config) => {
        const parsed = parse(token);
        return isSignedBy(parsed, configuredKey(config)) ? parsed.payload : null;
      },
    }),
  },
  'nbf-unchecked': {
    fault: 'its nbf is not looked at',
    judge: (right) => ({
      claims: ({ nbf: _, ...claims }, config, wall) => right.claims(claims, config, wall),
    }),
  },
  'audience-unchecked': {
    fault: 'its aud is not looked at',
    judge: (right) => ({
      claims: (claims, config, wall) => right.claims(claims, { ...config, audience: null }, wall),
    }),
  },
  'rooms-unreadable': {
    fault: 'its rooms claim may be of any type',
    judge: (right) => ({
      claims: ({ rooms: _, ...claims }, config, wall) => right.claims(claims, config, wall),
    }),
  },
  'of-any-length': {
    fault: 'it may be of any length',
    judge: () => ({ longest: Number.POSITIVE_INFINITY }),
  },
};

const ways = [
  ['authentication-message-token-refused', 'first', 'in the first message'],
  ['authentication-refresh-rejected', 'refresh', 'in an auth'],
] as const;

/** Faults in the judgement of tokens that come in one way. */
export const faults: readonly Mutant[] = ways.flatMap(([rule, name, came]) =>
  Object.entries(forgotten).map(([what, { fault, judge }]) =>
    mutant(rule, `${name}-${what}`, `Of a token ${came}, ${fault}.`, judgingThose(came, judge)),
  ),
);
