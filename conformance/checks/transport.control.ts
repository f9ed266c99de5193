import { check } from '#conformance/harness/check.js';
import { opcodes } from '#conformance/harness/frames.js';
import type { Stage } from '#conformance/harness/stage.js';
import { dial, fragments, probe, refused } from './transport.probe.js';

const { text, continuation, ping, pong } = opcodes;

const echoesPing = (payload: Uint8Array | string) => async (t: Stage) => {
  const peer = await dial(t);
  await peer.echoesPing(payload);
};

const FIRST = 'a first fragment';

const UTF8 =
  'Some libraries leave this check to the application (in Go: utf8.Valid), others have a switch for it.';
const MASK = 'Some libraries take unmasked frames as they come; look for a strict mode.';

/** The checks of spec/transport.md: Ping, Pong, and frames that end the connection. */
export const control = [
  check('transport-ping-empty-answered', echoesPing(''), { plain: true }),

  check(
    'transport-ping-payload-echoed',
    echoesPing(Uint8Array.from({ length: 125 }, (_, index) => 97 + (index % 26))),
    { plain: true },
  ),

  check('transport-ping-payload-not-text', echoesPing(Uint8Array.from([0xff, 0xfe, 0x00, 0x80])), {
    plain: true,
  }),

  check(
    'transport-ping-between-fragments-answered',
    async (t) => {
      const { peer, ask } = await probe(t);
      const question = ask();
      const [first, last] = fragments(question.text, [9]);
      if (!first || !last) throw new Error('a message cut once has two fragments');
      peer.sendFrame(first);
      await peer.echoesPing('between fragments');
      peer.sendFrame(last);
      await question.answered();
    },
    { plain: true },
  ),

  check(
    'transport-unsolicited-pong-ignored',
    async (t) => {
      const { peer, ask } = await probe(t);
      peer.sendFrame({ opcode: pong, payload: 'nobody asked' });
      const question = ask();
      peer.sendText(question.text);
      await question.answered();
    },
    { plain: true },
  ),

  check(
    'transport-control-frame-too-long-refused',
    (t) => refused(t, 'a Ping of 126 bytes', [{ opcode: ping, payload: 'x'.repeat(126) }]),
    { plain: true },
  ),

  check(
    'transport-control-frame-fragmented-refused',
    (t) =>
      refused(t, 'a Ping in two fragments', [
        { opcode: ping, payload: 'one', fin: false },
        { opcode: continuation, payload: 'two' },
      ]),
    { plain: true },
  ),

  ...[4, 2, 1].flatMap((rsv, index) =>
    [text, ping].map((opcode) => {
      const what = `${opcode === text ? 'text' : 'ping'}-rsv${index + 1}`;
      return check(
        'transport-reserved-bits-refused',
        (t) =>
          refused(t, `a ${opcode === text ? 'text frame' : 'Ping'} with RSV${index + 1} set`, [
            { opcode, payload: 'reserved', rsv },
          ]),
        { variant: what, plain: true },
      );
    }),
  ),

  check(
    'transport-reserved-data-opcode-refused',
    async (t) => {
      await Promise.all(
        [3, 4, 5, 6, 7].map((opcode) =>
          refused(t, `a frame of opcode ${opcode}`, [{ opcode, payload: 'reserved' }], {
            label: `opcode-${opcode}`,
          }),
        ),
      );
    },
    { plain: true },
  ),

  check(
    'transport-reserved-control-opcode-refused',
    async (t) => {
      await Promise.all(
        [11, 12, 13, 14, 15].map((opcode) =>
          refused(t, `a frame of opcode ${opcode}`, [{ opcode, payload: 'reserved' }], {
            label: `opcode-${opcode}`,
          }),
        ),
      );
    },
    { plain: true },
  ),

  check(
    'transport-stray-continuation-refused',
    (t) =>
      refused(t, 'a continuation of nothing', [
        { opcode: continuation, payload: '{"type":"ping","id":"stray"}' },
      ]),
    { plain: true },
  ),

  check(
    'transport-nested-message-refused',
    (t) =>
      refused(t, 'a text frame inside a message', [
        { opcode: text, payload: FIRST, fin: false },
        { opcode: text, payload: '{"type":"ping","id":"nested"}' },
      ]),
    { variant: 'text', plain: true },
  ),

  check(
    'transport-nested-message-refused',
    (t) =>
      refused(t, 'a binary frame inside a message', [
        { opcode: text, payload: FIRST, fin: false },
        { opcode: opcodes.binary, payload: 'nested', fin: false },
      ]),
    { variant: 'binary', plain: true },
  ),

  check(
    'transport-unmasked-frame-refused',
    (t) =>
      refused(
        t,
        'an unmasked text frame',
        [{ opcode: text, payload: '{"type":"ping","id":"unmasked"}', mask: false }],
        { hint: MASK },
      ),
    { plain: true },
  ),

  ...Object.entries({
    'stray-byte': [0x68, 0xce, 0xba, 0xe1, 0xbd, 0xff],
    surrogate: [0x61, 0xed, 0xa0, 0x80],
    overlong: [0x61, 0xc0, 0xaf],
  }).map(([variant, bytes]) =>
    check(
      'transport-invalid-utf8-refused',
      (t) =>
        refused(
          t,
          `a text message of the bytes ${Buffer.from(bytes).toString('hex')}`,
          [{ opcode: text, payload: Uint8Array.from(bytes) }],
          { codes: [1007, 1002], hint: UTF8 },
        ),
      { variant, plain: true },
    ),
  ),

  check(
    'transport-truncated-utf8-refused',
    (t) =>
      refused(
        t,
        'a text message that ends inside a code point',
        [
          { opcode: text, payload: Uint8Array.from([0x61, 0xe2]), fin: false },
          { opcode: continuation, payload: Uint8Array.from([0x82]) },
        ],
        { codes: [1007, 1002], hint: UTF8 },
      ),
    { plain: true },
  ),
];
