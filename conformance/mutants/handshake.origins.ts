import type { HttpRefusal, Opening } from '#server/handshake.js';
import type { Parts } from '#server/parts.js';
import type { Core } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';

const forbidden: HttpRefusal = { status: 403, detail: 'The origin is not allowed.' };

const compare = (origin: Parts['handshake']['origin']) => () => ({ handshake: { origin } });

/** Faults in the reading of the header `Origin`. */
export const origins: readonly Mutant[] = [
  mutant(
    'handshake-origin-allowed-accepted',
    'origin-first-only',
    'Only the first of the allowed origins is looked at.',
    compare((origin, [first]) => origin === first),
  ),
  mutant(
    'handshake-origin-absent-accepted',
    'origin-required-beside-cookie',
    'A request with a session cookie and no Origin is refused although it has a token.',
    ({ handshake }) => ({
      handshake: {
        checks: [
          ...handshake.checks,
          (_core, { origin, cookies }) =>
            origin === undefined && cookies.length > 0 ? forbidden : null,
        ],
      },
    }),
  ),
  mutant(
    'handshake-origin-foreign-refused',
    'origin-any',
    'Every origin is allowed.',
    compare(() => true),
  ),
  mutant(
    'handshake-origin-foreign-refused',
    'origin-searched',
    'An origin is allowed when it contains an allowed one.',
    compare((origin, allowed) => allowed.some((each) => origin.includes(each))),
  ),
  mutant(
    'handshake-origin-foreign-refused',
    'origin-free-with-cookie',
    'Whoever has a session cookie may come from any origin.',
    ({ handshake }) => ({
      handshake: { checks: handshake.checks.map((each) => unless(each, hasCookie)) },
    }),
  ),
  mutant(
    'handshake-origin-checked-first',
    'origin-after-token',
    'The origin is compared only when there is a token.',
    ({ handshake }) => ({
      handshake: {
        checks: handshake.checks.map((each) =>
          unless(each, (core, opening) => handshake.found(core, opening).tokens.length === 0),
        ),
      },
    }),
  ),
  mutant(
    'handshake-origin-checked-first',
    'origin-after-subprotocol',
    'The subprotocol is judged before the origin.',
    ({ handshake }) => ({ handshake: { checks: handshake.checks.toReversed() } }),
  ),
  mutant(
    'handshake-origin-null-refused',
    'origin-null-allowed',
    'The origin `null` counts as no origin.',
    compare((origin, allowed) => origin === 'null' || allowed.includes(origin)),
  ),
  mutant(
    'handshake-origin-suffix-refused',
    'origin-ends-with',
    'An origin is allowed when it ends with an allowed host.',
    compare((origin, allowed) => allowed.some((each) => origin.endsWith(new URL(each).host))),
  ),
  mutant(
    'handshake-origin-suffix-refused',
    'origin-subdomains',
    'Every subdomain of an allowed host is allowed.',
    compare((origin, allowed) =>
      allowed.some(
        (each) => origin === each || new URL(origin).host.endsWith(`.${new URL(each).host}`),
      ),
    ),
  ),
  mutant(
    'handshake-origin-prefix-refused',
    'origin-starts-with',
    'An origin is allowed when it begins with an allowed one.',
    compare((origin, allowed) => allowed.some((each) => origin.startsWith(each))),
  ),
  mutant(
    'handshake-origin-port-compared',
    'origin-without-port',
    'Scheme and host are compared, the port is not.',
    compare((origin, allowed) =>
      allowed.some(
        (each) =>
          URL.canParse(origin) &&
          new URL(each).hostname === new URL(origin).hostname &&
          new URL(each).protocol === new URL(origin).protocol,
      ),
    ),
  ),
  mutant(
    'handshake-origin-scheme-compared',
    'origin-without-scheme',
    'Host and port are compared, the scheme is not.',
    compare((origin, allowed) =>
      allowed.some((each) => URL.canParse(origin) && new URL(each).host === new URL(origin).host),
    ),
  ),
  mutant(
    'handshake-origin-userinfo-refused',
    'origin-pattern-without-end',
    'The allowed host is looked for behind `//`, and what follows it is not looked at.',
    compare((origin, allowed) =>
      allowed.some((each) => new RegExp(`^https?://${new URL(each).host}\\b`).test(origin)),
    ),
  ),
];

type Check = Parts['handshake']['checks'][number];

const hasCookie = (_core: Core, { cookies }: Opening) => cookies.length > 0;

// The same check, but for its refusals of an origin where something holds.
function unless(check: Check, holds: (core: Core, opening: Opening) => boolean): Check {
  return (core, opening) => {
    const refused = check(core, opening);
    return refused?.status === 403 && opening.origin !== undefined && holds(core, opening)
      ? null
      : refused;
  };
}
