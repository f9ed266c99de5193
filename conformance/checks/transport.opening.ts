import { check } from '#conformance/harness/check.js';
import { opcodes } from '#conformance/harness/frames.js';
import type { Stage } from '#conformance/harness/stage.js';
import { dial, probe } from './transport.probe.js';

const EXTENSIONS =
  'Offer the library no extension of your own accord; it has to answer what the request offers.';

async function selectsNothing(t: Stage, extensions?: string): Promise<void> {
  const options = extensions === undefined ? {} : { extensions };
  const { response } = await t.open({ ...options, ...(t.parlor && { token: t.mint('ann') }) });
  const selected = response.headers['sec-websocket-extensions'];
  t.assert(response.status !== 101 || selected === undefined, {
    expected: 'HTTP 101 without Sec-WebSocket-Extensions, or an HTTP error',
    actual: `HTTP 101 with Sec-WebSocket-Extensions: ${selected}; offered: ${extensions ?? 'nothing'}`,
    hint: EXTENSIONS,
  });
}

/** The checks of spec/transport.md: the opening handshake and the frames of the server. */
export const opening = [
  check(
    'transport-accept-value-correct',
    async (t) => {
      const { response } = await dial(t, 'ann', {
        headers: { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' },
      });
      t.equal(
        response.headers['sec-websocket-accept'],
        's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
        'Sec-WebSocket-Accept for the key dGhlIHNhbXBsZSBub25jZQ==',
      );
    },
    { plain: true },
  ),

  check(
    'transport-missing-key-refused',
    async (t) => {
      const { response } = await t.open({
        headers: { 'Sec-WebSocket-Key': null },
        ...(t.parlor && { token: t.mint('ann'), subprotocols: ['parlor.v1'] }),
      });
      t.assert(response.status !== 101, {
        expected: ['an HTTP error, usually 400', 'the end of the TCP connection'],
        actual: 'HTTP 101 to an upgrade request without Sec-WebSocket-Key',
      });
    },
    { plain: true },
  ),

  check('transport-extension-only-when-offered', (t) => selectsNothing(t), {
    variant: 'no-offer',
    plain: true,
  }),

  check('transport-extension-only-when-offered', (t) => selectsNothing(t, 'x-unknown'), {
    variant: 'unknown-offer',
    plain: true,
  }),

  // What is wrong with a frame of any other check is added by the harness.
  check(
    'transport-server-frames-well-formed',
    async (t) => {
      const { peer, ask } = await probe(t);
      await peer.echoesPing('x'.repeat(125));
      const question = ask('x'.repeat(126));
      peer.sendText(question.text);
      await question.answered();
      peer.sendFrame({ opcode: opcodes.close });
      await peer.ends();
      const [faulty] = peer.frames.filter(({ faults }) => faults.length > 0);
      t.assert(!faulty, {
        expected: 'frames as RFC 6455, section 5, has them',
        actual: `a frame of opcode ${faulty?.opcode}: ${faulty?.faults.join('; ')}`,
      });
    },
    { plain: true },
  ),
];
