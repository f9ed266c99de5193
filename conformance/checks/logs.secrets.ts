import { randomBytes } from 'node:crypto';
import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { all, observed, own, quiet } from './lines.js';
import { bytesOf } from './pictures.js';
import { ASKED } from './ways.js';

// A text that comes up nowhere by accident, nor does any part of it. It begins like no JSON: of a number, a parser quotes nothing.
const needle = () => `Z${randomBytes(36).toString('base64url').slice(1)}`;

/** All parts of a text of this length. */
function parts(text: string, length: number): string[] {
  return Array.from({ length: Math.max(0, text.length - length + 1) }, (_, i) =>
    text.slice(i, i + length),
  );
}

// What a payload looks like where a log writes bytes.
function spellings(text: string): string[] {
  const bytes = Buffer.from(text);
  const base64 = [0, 1, 2].map((from) =>
    bytes.subarray(from, from + 3 * Math.floor((bytes.length - from) / 3)).toString('base64'),
  );
  return [text, bytes.toString('hex'), [...bytes].join(','), ...base64];
}

async function holdsNone(
  t: Stage,
  secrets: Readonly<Record<string, string>>,
  length: number,
  hint: string,
): Promise<void> {
  const log = await t.log();
  for (const [what, secret] of Object.entries(secrets)) {
    const found = parts(secret, length).find((part) => log.includes(part));
    if (found === undefined) continue;
    const line = (await all(t)).find((each) => each.includes(found));
    t.fail({
      expected: `the log holds nothing of ${what}`,
      actual: `it holds ${JSON.stringify(found)}, a part of it, in ${JSON.stringify(line?.slice(0, 300))}`,
      hint,
    });
  }
}

/** Sends everything that may hold a text, and gives the texts. */
async function speaks(t: Stage, ann: Peer, bob: Peer): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  const secret = (what: string) => {
    texts[what] = needle();
    return texts[what];
  };
  await ann.chat('lounge', secret('a chat'), { meta: { note: secret('a meta') } });
  await ann.request('chat', { text: secret('a chat that is refused') }, { room: 'elsewhere' });
  const { max_text_bytes: most } = t.welcome.limits;
  const long = secret('a chat that is too long');
  await ann.request('chat', { text: long.repeat(most / long.length + 1) }, { room: 'lounge' });
  await ann.request('chat', { text: [secret('a text in a list')] }, { room: 'lounge' });
  await ann.request(
    'chat',
    { text: 'x', meta: secret('a meta that is a text') },
    { room: 'lounge' },
  );
  const broken = [
    secret('a message that is no JSON'),
    `{"type":"chat","data":{"text":"${secret('JSON that is cut off')}`,
    `{"type":"chat","data":{"text":"${secret('JSON with a stray word')}" stray}}`,
  ];
  for (const text of broken) {
    ann.sendText(text);
    await ann.receives('error');
  }
  await ann.request('direct', { to: bob.user, text: secret('a direct') });
  await ann.request('no_such_type', { text: secret('a text of an unknown type') });
  const payload = secret('a payload');
  ann.sendBytes(
    bytesOf(t, { payload, id: 'picture', data: { meta: { n: secret('a binary meta') } } }),
  );
  await ann.receives('*', ({ type, ref }) => ref === 'picture' || type === 'error');
  for (const [i, spelled] of spellings(payload).entries())
    texts[`a payload, way ${i + 1}`] = spelled;
  return texts;
}

/** Presents credentials in every way there is, good and bad, and gives them. */
async function presents(t: Stage): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  const keep = (what: string, token: string) => {
    texts[what] = token;
    return token;
  };
  const subprotocols = ['parlor.v1'];
  const expired = { exp: Math.floor(Date.now() / 1_000) - 60 };
  const refused = async (options: Parameters<Stage['open']>[0]) => {
    const peer = await t.open({ subprotocols, label: 'refused', ...options });
    await peer.ends();
  };
  const { features } = t.welcome;
  const ann = await t.connect('ann', { token: keep('a token in the query', t.mint('ann')) });
  const bearer = keep('a token in a header', t.mint('ann'));
  await t.connect('ann', { headers: { Authorization: `Bearer ${bearer}` } });
  await refused({ token: keep('an expired token', t.mint('ann', expired)) });
  const forged = `${t.mint('ann').split('.').slice(0, 2).join('.')}.${needle()}`;
  await refused({ token: keep('a forged token', t.secret(forged)) });
  await refused({ token: keep('what is no token', t.secret(needle())) });
  await t.open({ path: '/no/such/endpoint', token: keep('a token beside', t.mint('ann')) });
  await t.open({ origin: 'https://evil.test', token: keep('a token elsewhere', t.mint('ann')) });
  const { pathname } = new URL(t.urls[0] ?? '');
  await t.http(`${pathname}?token=${keep('a token over HTTP', t.mint('ann'))}`);
  if (features.includes('auth_message')) {
    const first = await t.open({ query: ASKED, subprotocols, label: 'first' });
    first.send('auth', { token: keep('a token in a first message', t.mint('ann')) });
    await first.receives('welcome');
    const late = await t.open({ query: ASKED, subprotocols, label: 'late' });
    late.send('auth', {
      token: keep('an expired token in a first message', t.mint('ann', expired)),
    });
    await late.ends();
  }
  if (features.includes('auth_refresh')) {
    await ann.request('auth', { token: keep('a token in a refresh', t.mint('ann')) });
    await ann.request('auth', { token: keep('a bad token in a refresh', t.mint('ann', expired)) });
  }
  if (features.includes('session')) {
    const [origin] = t.origins;
    const { value } = t.session();
    keep('a session cookie', value);
    const cookie = `session_token=${value}`;
    await t.open({ cookie, ...(origin === undefined ? {} : { origin }), subprotocols });
    const unknown = keep('an unknown cookie', t.secret(needle()));
    await refused({
      cookie: `session_token=${unknown}`,
      ...(origin === undefined ? {} : { origin }),
    });
  }
  return texts;
}

// Raw, these end a line, or make a terminal show another one. White space may stand between the members of an object.
const RAW = /[^\t\r\n\P{Cc}]|[\u2028\u2029]/u;

/** The checks of spec/logs.md that are about what must not be written. */
export const secrets = [
  check(
    'logs-text-never-written',
    async (t) => {
      const [ann, bob] = await t.join('lounge', 'ann', 'bob');
      const texts = await speaks(t, ann, bob);
      await quiet(t);
      await holdsNone(
        t,
        texts,
        8,
        'A debug line with the message, or the text of an exception that quotes the JSON it could not read.',
      );
    },
    own,
  ),

  check(
    'logs-credentials-never-written',
    async (t) => {
      const texts = await presents(t);
      await quiet(t);
      await holdsNone(
        t,
        texts,
        9,
        'The access log of the HTTP server writes the URL with its query; the error of a JWT library may quote the token.',
      );
    },
    own,
  ),

  check(
    'logs-line-not-forgeable',
    async (t) => {
      const id = `f${randomBytes(3).toString('hex')}`;
      const forged = `{"event":"websocket_connect","timestamp":"2030-01-01T00:00:00.000Z","connection_id":"${id}"}`;
      const ends = ['\n', '\r', '\r\n', '\u2028', '\u2029', '\u0085', '\u001b[2K\u009b1A\u007f'];
      const ann = await t.connect('ann');
      for (const member of ['room', 'type', 'id']) {
        ann.sendJson({ type: 'chat', room: 'x', id: 'x', [member]: `x\n${forged}\n` });
        await ann.receives('error');
      }
      for (const end of ends) {
        const peer = await t.connect('eve');
        peer.close(4900, `x${end}${forged}`);
        await peer.ends();
      }
      const url = encodeURIComponent(`x\n${forged}\n`);
      await t.http(`/${url}`);
      await t.open({ path: `/${url}`, query: [['x', `x\n${forged}\n`]] });
      const mallory = t.mint('mallory', { sub: `x\n${forged}\n` });
      const peer = await t.open({ token: mallory, subprotocols: ['parlor.v1'], label: 'mallory' });
      await peer.ends();
      await quiet(t);
      const log = await t.log();
      for (const line of log.split(/[\n\r\u0085\u2028\u2029]/))
        t.assert(!line.trim().startsWith(forged), {
          expected: 'no line of the log was written by a client',
          actual: `a line is ${line}`,
          hint: 'Write what a client chose as a JSON string, by a JSON writer.',
        });
      const [raw = ''] = RAW.exec(log) ?? [];
      t.assert(raw === '', {
        expected:
          'U+0000 to U+001F, U+007F to U+009F, U+2028 and U+2029 are written as JSON escapes',
        actual: `U+${raw.charCodeAt(0).toString(16).padStart(4, '0')} is written as it is`,
        hint: 'Most JSON writers leave those from U+007F on alone: have yours escape whatever is not printable ASCII.',
      });
      const strangers = (await observed(t)).filter(({ connection_id }) => connection_id === id);
      t.equal(strangers, [], 'the events with the connection_id of the forged line');
    },
    own,
  ),
];
