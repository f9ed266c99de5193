import { check } from '#conformance/harness/check.js';
import { closePayload, opcodes } from '#conformance/harness/frames.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { dial, joined, probe, refused } from './transport.probe.js';

const CLOSE = opcodes.close;

// Codes from 1012 to 2999 are left out: libraries learnt of them at different times.
const INVALID = [0, 999, 1004, 1005, 1006, 1015, 5000, 65_535];

async function answersClose(t: Stage, payload: Uint8Array, label = 'ann'): Promise<void> {
  const peer = await dial(t, label);
  peer.sendFrame({ opcode: CLOSE, payload });
  const close = await peer.ends();
  t.assert(close.by === 'frame', {
    expected: 'a Close frame that answers the Close frame of the client',
    actual: close.detail,
    hint: 'Leave the closing handshake to the library: what ends the socket first takes its answer away.',
  });
}

const refusesClose = (what: string, payload: Uint8Array, codes: readonly number[] = [1002]) =>
  async function refuses(t: Stage): Promise<void> {
    await refused(t, `a Close frame with ${what}`, [{ opcode: CLOSE, payload }], { codes });
  };

// What came after the server's Close frame, once nothing can come any more.
async function nothingFollows(t: Stage, peer: Peer): Promise<void> {
  await peer.tcpEnds();
  const at = peer.frames.findIndex(({ opcode }) => opcode === CLOSE);
  const after = at < 0 ? [] : peer.frames.slice(at + 1);
  t.assert(after.length === 0, {
    expected: "nothing after the server's Close frame",
    actual: `${after.length} frames after it: opcodes ${after.map(({ opcode }) => opcode).join(', ')}`,
  });
}

/** The checks of spec/transport.md: the closing handshake. */
export const closing = [
  check('transport-close-empty-answered', (t) => answersClose(t, Buffer.alloc(0)), { plain: true }),

  check(
    'transport-close-code-answered',
    async (t) => {
      await Promise.all(
        [1000, 3000, 4999].map((code) => answersClose(t, closePayload(code), `close-${code}`)),
      );
    },
    { plain: true },
  ),

  check(
    'transport-close-longest-reason-answered',
    (t) => answersClose(t, closePayload(1000, 'r'.repeat(123))),
    { plain: true },
  ),

  check('transport-close-one-byte-refused', refusesClose('a payload of one byte', Buffer.of(3)), {
    plain: true,
  }),

  check(
    'transport-close-reason-too-long-refused',
    refusesClose('a reason of 124 bytes', closePayload(1000, 'r'.repeat(124))),
    { plain: true },
  ),

  check(
    'transport-close-reason-bad-utf8-refused',
    refusesClose(
      'a reason that is not UTF-8',
      closePayload(1000, Buffer.of(0xce, 0xff)),
      [1007, 1002],
    ),
    { plain: true },
  ),

  check(
    'transport-close-invalid-code-refused',
    async (t) => {
      await Promise.all(
        INVALID.map((code) =>
          refused(
            t,
            `a Close frame with the code ${code}`,
            [{ opcode: CLOSE, payload: closePayload(code) }],
            { label: `close-${code}` },
          ),
        ),
      );
    },
    { plain: true },
  ),

  check(
    'transport-nothing-after-close',
    async (t) => {
      const { peer, ask } = await probe(t);
      const { text } = ask();
      peer.write(
        joined(
          { opcode: CLOSE, payload: closePayload(1000) },
          { opcode: opcodes.ping, payload: 'after the close' },
          { opcode: opcodes.text, payload: text },
        ),
      );
      await peer.ends();
      await nothingFollows(t, peer);
    },
    { variant: 'of-the-client', plain: true },
  ),

  check(
    'transport-nothing-after-close',
    async (t) => {
      const { peer, ask } = await probe(t);
      const { text } = ask();
      peer.write(
        joined(
          { opcode: 3, payload: 'reserved' },
          { opcode: opcodes.ping, payload: 'after the close' },
          { opcode: opcodes.text, payload: text },
        ),
      );
      await peer.ends();
      await nothingFollows(t, peer);
    },
    { variant: 'of-the-server', plain: true },
  ),

  check(
    'transport-tcp-closed-after-close',
    async (t) => {
      const peer = await dial(t);
      peer.close(1000);
      await peer.ends();
      await peer.tcpEnds();
    },
    { variant: 'begun-by-the-client', plain: true },
  ),

  // The peer answers the server's Close frame by itself.
  check(
    'transport-tcp-closed-after-close',
    async (t) => {
      const peer = await dial(t);
      peer.sendFrame({ opcode: 3, payload: 'reserved' });
      await peer.ends();
      await peer.tcpEnds();
    },
    { variant: 'begun-by-the-server', plain: true },
  ),
];
