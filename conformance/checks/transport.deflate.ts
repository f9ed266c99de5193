import { check } from '#conformance/harness/check.js';
import { parseExtensions } from '#conformance/harness/deflate.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { type Ask, hinted, probe } from './transport.probe.js';

const DEFLATE = 'permessage-deflate';

const OFFERS = {
  bare: DEFLATE,
  browser: `${DEFLATE}; client_max_window_bits`,
  'no-takeover': `${DEFLATE}; server_no_context_takeover; client_no_context_takeover`,
  list: `x-unknown, ${DEFLATE}`,
};

const WINDOW =
  'Unless client_no_context_takeover was negotiated, each message is inflated with the window of those before it.';

const SAID = 'what is said once more is shorter';

// A connection that compresses, in the words of a target that can.
async function compressing(t: Stage): Promise<{ peer: Peer; ask: Ask }> {
  const probed = await probe(t, 'ann', { extensions: OFFERS.browser });
  if (!probed.peer.compressing) t.notExercised('the server does not accept permessage-deflate');
  return probed;
}

async function answersTo(t: Stage, offer: string): Promise<string> {
  const { response } = await t.open({
    extensions: offer,
    ...(t.parlor && { token: t.mint('ann'), subprotocols: ['parlor.v1'] }),
  });
  const header = response.status === 101 ? response.headers['sec-websocket-extensions'] : undefined;
  return header ?? t.notExercised('the server does not accept permessage-deflate');
}

/** The checks of spec/transport.md: compression. */
export const deflate = [
  // Wrong parameters are what the harness finds in every handshake.
  ...Object.entries(OFFERS).map(([variant, offer]) =>
    check(
      'transport-deflate-response-valid',
      async (t) => {
        const header = await answersTo(t, offer);
        t.equal(
          parseExtensions(header).map(({ name }) => name),
          [DEFLATE],
          `the extensions that the server selects from the offer ${offer}`,
        );
        const fault = t.findings.get('transport-deflate-response-valid');
        t.assert(!fault, {
          expected: `an answer that RFC 7692 allows for the offer ${offer}`,
          actual: `${header}: ${fault?.actual}`,
        });
      },
      { variant, plain: true },
    ),
  ),

  check(
    'transport-deflate-window-honoured',
    async (t) => {
      const offer = `${DEFLATE}; server_max_window_bits=10`;
      const header = await answersTo(t, offer);
      const [answer] = parseExtensions(header);
      const bits = Number(new Map(answer?.parameters).get('server_max_window_bits') ?? 15);
      t.assert(bits <= 10, {
        expected: 'server_max_window_bits of at most 10, or no compression',
        actual: `${header}, to the offer ${offer}`,
      });
    },
    { plain: true },
  ),

  check(
    'transport-deflate-messages-accepted',
    async (t) => {
      const { peer, ask } = await compressing(t);
      for (let round = 0; round < 4; round += 1) {
        const question = ask(SAID);
        peer.sendCompressed(question.text);
        await hinted(question.answered(), WINDOW);
      }
    },
    { plain: true },
  ),

  check(
    'transport-deflate-fragments-accepted',
    async (t) => {
      const { peer, ask } = await compressing(t);
      const question = ask(SAID);
      peer.sendCompressed(question.text, 7);
      await question.answered();
    },
    { plain: true },
  ),

  check(
    'transport-deflate-plain-message-accepted',
    async (t) => {
      const { peer, ask } = await compressing(t);
      const [first, plain, last] = [ask(SAID), ask(SAID), ask(SAID)];
      if (!first || !plain || !last) throw new Error('three questions were asked for');
      peer.sendCompressed(first.text);
      await first.answered();
      peer.sendText(plain.text);
      await plain.answered();
      peer.sendCompressed(last.text);
      await last.answered();
    },
    { plain: true },
  ),
];
