import { type CheckOptions, check } from '#conformance/harness/check.js';
import { opcodes } from '#conformance/harness/frames.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Welcome } from '#conformance/harness/welcome.js';
import { CLOSE_WITHIN_MS, lasting, shortLived, soon, untilEnd } from './authentication.lifetime.js';
import { breaksFraming, chatsTooMuch, errsTooOften, isEnded, type Provoke } from './endings.js';
import { all, idOf, loggedOf, observed, own, quiet, written } from './lines.js';
import { secrets } from './logs.secrets.js';
import { ways } from './logs.ways.js';
import { bytesOf } from './pictures.js';

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

const past = () => Math.floor(Date.now() / 1_000) - 60;

// Opens a connection that is refused after its handshake, and waits for its close.
async function refused(t: Stage, options: Parameters<Stage['open']>[0]): Promise<Peer> {
  const peer = await t.open({ subprotocols: ['parlor.v1'], label: 'refused', ...options });
  await peer.ends();
  return peer;
}

/** Everything that a log speaks of: good and bad messages, refusals, and requests that are none of WebSocket's. */
async function everything(t: Stage): Promise<Peer[]> {
  const [ann, bob] = await t.join('lounge', 'ann', 'bob');
  await ann.chat('lounge', 'hello');
  await ann.request('chat', { text: 'x' }, { room: 'elsewhere' });
  ann.sendText('{"type":');
  await ann.receives('error');
  ann.sendBytes(Buffer.from([9]));
  await ann.receives('error');
  await refused(t, { token: t.mint('eve', { exp: past() }) });
  await refused(t, {});
  const { pathname } = new URL(t.urls[0] ?? '');
  await t.http(pathname);
  await t.http('/no/such/path');
  await t.open({ path: '/no/such/endpoint', token: t.mint('eve') });
  await t.open({ origin: 'https://evil.test', token: t.mint('eve') });
  ann.terminate();
  bob.close(1000, 'bye');
  await bob.ends();
  return [ann, bob];
}

interface Ended {
  code: number;
  reason: string;
}

// When a silent connection has surely ended, in milliseconds.
const heartbeatMs = ({ welcome: { heartbeat } }: { welcome: Welcome }): number =>
  2 * (heartbeat.interval_ms + heartbeat.timeout_ms);

// Made to end the connection, the server logs the Close frame that it sent; without one, 1006.
const byServer =
  (provoke: Provoke, extraMs: (t: Stage) => number = () => 0) =>
  async (t: Stage, peer: Peer): Promise<Ended> => {
    await provoke(t, peer);
    const { by, code, reason } = await isEnded(t, peer, extraMs(t));
    return by === 'frame' ? { code, reason } : { code: 1006, reason: '' };
  };

// The ways in which a connection ends, each with what the log has to say of it.
const endings: readonly [
  variant: string,
  end: (t: Stage, peer: Peer) => Promise<Ended>,
  options?: CheckOptions,
][] = [
  [
    'by-client',
    async (_t, peer) => {
      peer.close(1000, 'see "you", tomorrow é');
      await peer.ends();
      return { code: 1000, reason: 'see "you", tomorrow é' };
    },
  ],
  [
    'by-application-code',
    async (_t, peer) => {
      peer.close(4999, 'gone');
      await peer.ends();
      return { code: 4999, reason: 'gone' };
    },
  ],
  [
    'without-code',
    async (_t, peer) => {
      peer.sendFrame({ opcode: opcodes.close });
      await peer.ends();
      return { code: 1005, reason: '' };
    },
  ],
  [
    'tcp-reset',
    async (_t, peer) => {
      peer.terminate();
      return { code: 1006, reason: '' };
    },
  ],
  [
    'tcp-end',
    async (_t, peer) => {
      peer.end();
      await peer.tcpEnds();
      return { code: 1006, reason: '' };
    },
  ],
  [
    'too-big',
    async (t, peer) => {
      const { max_message_bytes: most } = t.welcome.limits;
      peer.sendText(' '.repeat(most + 1));
      const { code, reason } = await peer.closes(1009);
      return { code, reason };
    },
  ],
  ['by-server', byServer(errsTooOften)],
  ['violation', byServer(breaksFraming)],
  [
    'rate',
    byServer(async (t, peer) => {
      await peer.joins('lounge');
      await chatsTooMuch(t, peer);
    }),
  ],
  [
    'silent',
    byServer((_t, peer) => {
      peer.autoPong = false;
    }, heartbeatMs),
    { timers: true, takes: (welcome) => heartbeatMs({ welcome }) / 2 },
  ],
];

// How long the close for a token that ends may take, in milliseconds.
const untilClosed = (exp: number) => (t: Stage) => untilEnd(t, exp) + CLOSE_WITHIN_MS;

// Holds the log to have one line of the end of a connection, with these members.
async function isLogged(t: Stage, peer: Peer, { code, reason }: Ended): Promise<void> {
  const lines = await written(t, 'websocket_disconnect', peer, 1);
  t.assert(lines.length === 1, {
    expected: `one websocket_disconnect line of a connection that ended with ${code} ${reason}`,
    actual: `there are ${lines.length}: ${JSON.stringify(lines)}`,
    hint: 'Write it in one place, when the connection has ended: not where the server decides to close, and not in a handler of errors besides.',
  });
  const { user, code: logged, reason: said } = lines[0] ?? {};
  const told = { user, code: logged, reason: said };
  t.equal(told, { user: peer.user, code, reason }, 'what the line says');
}

/** The checks of spec/logs.md. */
export const logs = [
  check(
    'logs-line-is-json-object',
    async (t) => {
      await everything(t);
      await quiet(t);
      for (const line of await all(t)) {
        let value: unknown;
        try {
          value = JSON.parse(line);
        } catch {
          value = undefined;
        }
        t.assert(typeof value === 'object' && value !== null && !Array.isArray(value), {
          expected: 'every line of the log is one JSON object',
          actual: `a line is ${JSON.stringify(line.slice(0, 300))}`,
          hint: 'The access log of the HTTP server, a banner or a stack trace: set its format, or switch it off.',
        });
      }
    },
    own,
  ),

  check(
    'logs-connect-recorded',
    async (t) => {
      const peers = [await t.connect('ann'), await t.connect('ann'), await t.connect('bob')];
      await refused(t, { token: t.mint('eve', { exp: past() }) });
      await refused(t, { token: `${t.mint('eve')}x` });
      for (const peer of peers) {
        const own = await written(t, 'websocket_connect', peer, 1);
        t.equal(own.length, 1, `the number of websocket_connect lines for ${idOf(peer)}`);
        t.equal(own[0]?.['user'], peer.user, 'user in websocket_connect');
      }
      const connects = await observed(t, 'websocket_connect');
      const strange = connects.filter(
        ({ user, connection_id }) =>
          user === t.user('eve') || !user || typeof connection_id !== 'string',
      );
      t.equal(strange, [], 'websocket_connect of a connection that was not welcomed');
    },
    own,
  ),

  check(
    'logs-message-recorded',
    async (t) => {
      const ann = await t.connect('ann');
      const bob = await t.connect('bob');
      await ann.joins('lounge');
      await ann.chat('lounge', 'hello');
      await ann.request('chat', { text: 'x' }, { room: 'elsewhere' });
      await ann.request('no_such_type');
      ann.sendText('{"type":');
      await ann.receives('error');
      ann.sendBytes(bytesOf(t, { payload: 'x' }));
      ann.sendBytes(Buffer.from([9]));
      await ann.receives('error', ({ ref }) => ref === undefined);
      const ping = Buffer.from('{"type":"ping"}');
      ann.sendFrame({ opcode: opcodes.text, payload: ping.subarray(0, 5), fin: false });
      ann.sendFrame({ opcode: opcodes.continuation, payload: ping.subarray(5) });
      await ann.receives('pong');
      // Control frames are no messages.
      await ann.echoesPing();
      await bob.echoesPing();
      const lines = await written(t, 'message_received', ann, 8);
      t.equal(
        lines.length,
        8,
        'the number of message_received lines for eight data messages, accepted and refused, text and binary,',
      );
      for (const { user } of lines) t.equal(user, ann.user, 'user in message_received');
      t.equal(
        await loggedOf(t, 'message_received', bob),
        [],
        'message_received of a connection that sent no data message',
      );
    },
    own,
  ),

  check(
    'logs-message-length-in-bytes',
    async (t) => {
      const ann = await t.connect('ann');
      const ping = (x: string) => JSON.stringify({ type: 'ping', data: { x } });
      const texts = [
        ping('plain'),
        ping('caf\u00e9 \u20ac \u{1f388}'),
        ping('x'.repeat(200)),
        '{é',
      ];
      for (const text of texts) {
        ann.sendText(text);
        await ann.receives('*');
      }
      const long = Buffer.from(ping(`${'ß'.repeat(300)}in pieces`));
      for (let from = 0; from < long.length; from += 200)
        ann.sendFrame({
          opcode: from === 0 ? opcodes.text : opcodes.continuation,
          payload: long.subarray(from, from + 200),
          fin: from + 200 >= long.length,
        });
      await ann.receives('pong');
      const picture = bytesOf(t, { payload: Buffer.alloc(70, 0xff) });
      ann.sendBytes(picture);
      await ann.receives('error');
      const sent: [string, number][] = [
        ...[
          'a ping in ASCII',
          'a ping with é, € and an emoji',
          'a long ping',
          'no JSON, with é',
        ].map((what, index): [string, number] => [what, Buffer.byteLength(texts[index] ?? '')]),
        ['a ping in several frames', long.length],
        ['a binary message', picture.length],
      ];
      const lines = await written(t, 'message_received', ann, sent.length);
      t.equal(lines.length, sent.length, 'the number of message_received lines of six messages');
      for (const [index, [what, length]] of sent.entries()) {
        const logged = lines[index]?.['message_length'];
        t.assert(logged === length, {
          expected: `message_length ${length} of message ${index + 1} of six, ${what}`,
          actual: `it is ${JSON.stringify(logged)}; of all six ${JSON.stringify(lines.map(({ message_length }) => message_length))}`,
          hint: 'Count the bytes as they came, before they are decoded: all frames of a message, and none of their headers.',
        });
      }
    },
    own,
  ),

  check(
    'logs-message-length-in-bytes',
    async (t) => {
      const ann = await t.connect('ann', { extensions: 'permessage-deflate' });
      if (!ann.compressing) t.notExercised('the server does not negotiate permessage-deflate');
      const text = JSON.stringify({ type: 'ping', data: { x: 'é'.repeat(1_000) } });
      ann.sendCompressed(text);
      await ann.receives('pong');
      const lines = await written(t, 'message_received', ann, 1);
      t.equal(
        lines.map(({ message_length }) => message_length),
        [Buffer.byteLength(text)],
        'message_length of a message that came compressed',
      );
    },
    { variant: 'compressed', ...own },
  ),

  check(
    'logs-error-recorded',
    async (t) => {
      const ann = await t.connect('ann');
      ann.sendText('{"type":');
      ann.sendText('[]');
      ann.send('no_such_type');
      ann.send('chat', {}, { room: 'lounge' });
      ann.send('chat', { text: 'x' }, { room: 'lounge' });
      ann.send('chat', { text: 'x' }, { room: 'lounge', id: 'again' });
      await ann.reply('again', 'chat');
      const codes = ann.received('error').map(({ data }) => data.code);
      const lines = await written(t, 'websocket_error', ann, codes.length);
      t.equal(
        lines.map(({ code }) => code),
        codes,
        'the codes of the websocket_error lines, beside those of the errors that were sent',
      );
    },
    own,
  ),

  ...endings.map(([variant, end, options]) =>
    check(
      'logs-disconnect-recorded',
      async (t) => {
        const ann = await t.connect('ann');
        await isLogged(t, ann, await end(t, ann));
      },
      { variant, ...own, ...options },
    ),
  ),

  check(
    'logs-disconnect-recorded',
    async (t) => {
      const exp = soon();
      const ann = await shortLived(t, 'ann', exp);
      await isLogged(t, ann, await byServer(() => {}, untilClosed(exp))(t, ann));
    },
    { variant: 'expired', ...own, ...lasting },
  ),

  check(
    'logs-disconnect-recorded',
    async (t) => {
      const ann = await t.connect('ann');
      t.instance.signal('SIGTERM');
      await ann.receives('server_shutdown');
      const { by, code, reason } = await ann.ends();
      await t.within(t.instance.exited, {
        expected: 'the process ends after SIGTERM',
        actual: 'it still runs',
      });
      const lines = await loggedOf(t, 'websocket_disconnect', ann);
      t.equal(
        lines.length,
        1,
        'the number of websocket_disconnect lines when the process has ended',
      );
      if (by === 'frame')
        t.equal(
          { code: lines[0]?.['code'], reason: lines[0]?.['reason'] },
          { code, reason },
          'what the line says',
        );
    },
    {
      variant: 'at-shutdown',
      instance: { PARLOR_LOG: 'stdout', PARLOR_GRACE_MS: '50' },
      timers: true,
      takes: () => 100,
    },
  ),

  check(
    'logs-refusal-recorded',
    async (t) => {
      const before = (await observed(t, 'websocket_disconnect')).length;
      const tokens = [t.mint('eve', { exp: past() }), undefined, 'no.token.atall'];
      const closes: { code: number; reason: string }[] = [];
      for (const token of [...tokens, ...tokens]) {
        const { closed } = await refused(t, token === undefined ? {} : { token });
        if (closed?.by !== 'frame') t.notExercised(`a refusal ends ${closed?.detail}`);
        closes.push({ code: closed?.code ?? 0, reason: closed?.reason ?? '' });
      }
      await quiet(t);
      const lines = (await observed(t, 'websocket_disconnect')).slice(before);
      for (const { code, reason } of closes) {
        const like = lines.filter((line) => line['code'] === code && line['reason'] === reason);
        const anonymous = like.filter((line) => !('user' in line));
        const ids = new Set(anonymous.map(({ connection_id }) => connection_id));
        t.assert(ids.size >= 2 && !ids.has(undefined), {
          expected: `for each of two refusals with ${code} ${reason} a websocket_disconnect with a connection_id of its own and no user`,
          actual: `the log has ${JSON.stringify(like)}; of all it has ${JSON.stringify(lines).slice(0, 1_000)}`,
        });
      }
    },
    own,
  ),

  check(
    'logs-timestamp-format',
    async (t) => {
      await everything(t);
      await quiet(t);
      for (const line of await observed(t)) {
        const { timestamp } = line;
        t.assert(
          typeof timestamp === 'string' &&
            RFC3339.test(timestamp) &&
            !Number.isNaN(Date.parse(timestamp)),
          {
            expected: 'a timestamp such as 2030-01-01T12:00:00.000Z',
            actual: `the timestamp of ${line['event']} is ${JSON.stringify(timestamp)}`,
          },
        );
      }
    },
    own,
  ),

  ...secrets,
  ...ways,
];
