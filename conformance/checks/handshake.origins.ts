import { check } from '#conformance/harness/check.js';
import type { RuleId } from '#conformance/harness/requirements.js';
import type { Stage } from '#conformance/harness/stage.js';
import { answered, welcomed } from './openings.js';
import { ASKED } from './ways.js';

const needs = ['origins'] as const;
const subprotocols = ['parlor.v1'];

// Origins made of each allowed one; those that are allowed themselves are left out.
function foreign(t: Stage, make: (allowed: URL) => readonly string[]): string[] {
  if (t.origins.includes('*')) t.notExercised('every origin is allowed');
  const made = t.origins.slice(0, 3).flatMap((origin) => make(new URL(origin)));
  const strangers = [...new Set(made)].filter((origin) => !t.origins.includes(origin));
  if (strangers.length === 0) t.notExercised('all that this would try is allowed');
  return strangers;
}

function refused(rule: RuleId, make: (allowed: URL) => readonly string[]) {
  return check(
    rule,
    async (t) => {
      for (const origin of foreign(t, make))
        answered(t, await t.open({ token: t.mint('ann'), subprotocols, origin }), 403);
    },
    { needs },
  );
}

const port = (allowed: URL) => (allowed.port === '' ? '' : `:${allowed.port}`);

/** The checks of the header `Origin` in spec/handshake.md. */
export const origins = [
  check(
    'handshake-origin-allowed-accepted',
    async (t) => {
      for (const origin of t.origins.slice(0, 5))
        await welcomed(t, {
          token: t.mint('ann'),
          origin: origin === '*' ? 'https://a.test' : origin,
        });
    },
    { needs },
  ),

  check('handshake-origin-absent-accepted', async (t) => {
    const ann = await welcomed(t, { token: t.mint('ann') });
    await ann.pings();
    await welcomed(t, { headers: { Authorization: `Bearer ${t.mint('ann')}` } });
    // The token decides: a cookie beside it asks for no Origin.
    await welcomed(t, { token: t.mint('ann'), cookie: 'session_token=nonsense' });
  }),

  refused('handshake-origin-foreign-refused', ({ origin }) => [
    'https://evil.example',
    `https://evil.example/${origin}`,
    `${origin} https://evil.example`,
  ]),

  check(
    'handshake-origin-foreign-refused',
    async (t) => {
      const { value } = t.session();
      for (const origin of foreign(t, () => ['https://evil.example']))
        answered(t, await t.open({ cookie: `session_token=${value}`, subprotocols, origin }), 403);
    },
    { variant: 'session', needs: [...needs, 'session'] },
  ),

  check(
    'handshake-origin-checked-first',
    async (t) => {
      const [origin = ''] = foreign(t, () => ['https://evil.example']);
      const anHourAgo = Math.floor(Date.now() / 1000) - 3_600;
      for (const options of [
        {},
        { token: 'nonsense' },
        { token: t.mint('ann', { exp: anHourAgo }) },
        { token: t.mint('ann'), subprotocols: ['parlor.v9'] },
        { token: t.mint('ann'), subprotocols: ['parlor.v9', 'parlor.unsupported'] },
        { query: ASKED },
      ])
        answered(t, await t.open({ subprotocols, origin, ...options }), 403);
    },
    { needs },
  ),

  refused('handshake-origin-null-refused', () => ['null']),
  refused('handshake-origin-suffix-refused', (allowed) => [
    `${allowed.protocol}//evil${allowed.host}`,
    `${allowed.protocol}//evil.${allowed.host}`,
  ]),
  refused('handshake-origin-prefix-refused', (allowed) => [
    `${allowed.protocol}//${allowed.hostname}.evil.example${port(allowed)}`,
    `${allowed.protocol}//${allowed.hostname}evil.example${port(allowed)}`,
  ]),
  refused('handshake-origin-port-compared', ({ protocol, hostname }) => [
    `${protocol}//${hostname}:4444`,
    `${protocol}//${hostname}`,
  ]),
  refused('handshake-origin-scheme-compared', ({ protocol, host }) => [
    `${protocol === 'https:' ? 'http:' : 'https:'}//${host}`,
    `chrome-extension://${host}`,
  ]),
  refused('handshake-origin-userinfo-refused', ({ protocol, host, origin }) => [
    `${protocol}//${host}@evil.example`,
    `${origin}@evil.example`,
  ]),
];
