import { check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';

// A chat with an id of its own, spelt by hand; ROOM stands for the room on the wire.
function chat(t: Stage, id: string, data: string): string {
  return `{"type":"chat","id":"${id}","room":${JSON.stringify(t.room('lounge'))},"data":${data}}`;
}

// The reply to a text with an id, or an error without one.
function replyTo(peer: Peer, id: string): Promise<Message> {
  return peer.receives(
    '*',
    ({ type, ref }) => ref === id || (type === 'error' && ref === undefined),
  );
}

async function two(t: Stage): Promise<[Peer, Peer]> {
  const [ann, bob] = await t.join('lounge', 'ann', 'bob');
  if (!ann || !bob) throw new Error('a join gives its peers');
  return [ann, bob];
}

// Afterwards all is as before: the next chat arrives, and what the other member saw of the first is for `look`.
async function unharmed(
  t: Stage,
  text: string,
  ok: (reply: Message) => void,
  look: (seen: Message[]) => void = () => {},
): Promise<void> {
  const [ann, bob] = await two(t);
  ann.sendText(text.includes('"id"') ? text : chat(t, 'hostile', text));
  const reply = await replyTo(ann, 'hostile');
  ok(reply);
  await ann.chat('lounge', 'afterwards');
  await bob.receives('chat', { data: { text: 'afterwards' } });
  const seen = bob.received('chat').filter(({ data }) => data.text !== 'afterwards');
  t.assert(reply.type !== 'ack' || seen.length === 1, {
    expected: 'the other member receives the acknowledged chat as one legal message',
    actual: `it received ${seen.length === 0 ? 'none' : seen.length}`,
    hint: 'What cannot be written as I-JSON has to be refused, or mended before it is relayed.',
  });
  look(seen);
  await bob.staysOpen();
}

const refused = (t: Stage, codes: readonly string[]) => (reply: Message) =>
  t.assert(reply.type === 'error' && codes.includes(reply.data.code ?? ''), {
    expected: `an error of code ${codes.join(' or ')}`,
    actual: `${reply.type} ${reply.data.code ?? ''}`,
  });

const ackedOr =
  (t: Stage, ...codes: readonly string[]) =>
  (reply: Message) =>
    t.assert(
      reply.type === 'ack' || (reply.type === 'error' && codes.includes(reply.data.code ?? '')),
      {
        expected: `an ack, or an error of code ${codes.join(' or ')}`,
        actual: `${reply.type} ${reply.data.code ?? ''}`,
      },
    );

const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;

/** The checks of hostile JSON. */
export const hostile = [
  ...['NaN', 'Infinity', '-Infinity'].map((literal) =>
    check(
      'errors-nan-refused',
      (t) => unharmed(t, `{"text":"x","meta":{"n":${literal}}}`, refused(t, ['invalid_json'])),
      { variant: literal.toLowerCase().replace('-', 'minus-') },
    ),
  ),

  check('errors-huge-number-refused', (t) =>
    unharmed(t, '{"text":"x","meta":{"n":1e999}}', refused(t, ['invalid_json', 'invalid_payload'])),
  ),

  check(
    'chat-text-exact',
    (t) =>
      unharmed(
        t,
        '{"text":"a\\ud83db\\udc00\\ud83d\\u0041"}',
        ackedOr(t, 'invalid_json', 'invalid_payload'),
        (seen) => {
          for (const { data } of seen)
            t.assert(data.text === 'a\ufffdb\ufffd\ufffdA', {
              expected: 'U+FFFD, once, in the place of each unpaired surrogate, or a refusal',
              actual: `the text ${JSON.stringify(data.text)} arrived`,
              hint: 'Some encoders write a question mark in the place of what they cannot encode: refuse the message, or put U+FFFD there.',
            });
        },
      ),
    { variant: 'surrogates' },
  ),

  ...Object.entries({
    text: '{"text":"a\\ud800b"}',
    meta: '{"text":"x","meta":{"a":"\\udc00"}}',
    name: '{"text":"x","meta":{"\\ud800":1}}',
  }).map(([variant, data]) =>
    check(
      'errors-lone-surrogate-not-relayed',
      (t) =>
        unharmed(t, data, ackedOr(t, 'invalid_json', 'invalid_payload'), (seen) =>
          t.assert(
            !/\\ud[89a-f]|[\ud800-\udfff]/i.test(
              JSON.stringify(seen).replace(/[\ud800-\udbff][\udc00-\udfff]/g, ''),
            ),
            {
              expected: 'no unpaired surrogate in what the other member receives',
              actual: `it received ${JSON.stringify(seen)}`,
            },
          ),
        ),
      { variant },
    ),
  ),

  // The message is level 1, data 2, meta 3, its member the fourth and so on.
  check('errors-depth-accepted', (t) =>
    unharmed(t, `{"text":"x","meta":{"deep":${nested(29)}}}`, (reply) =>
      t.equal(reply.type, 'ack', 'the reply to a message of 32 levels'),
    ),
  ),

  check('errors-deep-nesting-survived', (t) => {
    const levels = Math.min(10_000, Math.floor(t.welcome.limits.max_message_bytes / 2) - 200);
    return unharmed(
      t,
      `{"text":"x","meta":{"deep":${nested(levels)}}}`,
      ackedOr(t, 'invalid_json'),
    );
  }),

  check('errors-prototype-names-inert', async (t) => {
    const [ann, bob] = await two(t);
    const attack =
      '{"__proto__":{"meta":{"polluted":1},"text":"polluted","admin":true},"constructor":{"prototype":{"admin":true}},"text":"x","meta":{"__proto__":{"admin":true}}}';
    ann.sendText(chat(t, 'hostile', attack));
    ackedOr(t, 'invalid_json', 'invalid_payload')(await replyTo(ann, 'hostile'));
    ann.sendText(`{"type":"ping","id":"p","__proto__":{"room":"x","data":{"polluted":1}}}`);
    await replyTo(ann, 'p');
    await ann.chat('lounge', 'afterwards');
    const event = await bob.receives('chat', { data: { text: 'afterwards' } });
    t.equal(Object.keys(event.data).sort(), ['text'], 'the members of `data` of a later chat');
    for (const { data } of bob.received('chat'))
      t.assert(!('admin' in data) && data.text !== 'polluted', {
        expected: 'no member that nobody sent',
        actual: JSON.stringify(data),
      });
  }),

  check('errors-nul-survived', (t) =>
    unharmed(t, '{"text":"a\\u0000b"}', ackedOr(t, 'invalid_payload'), (seen) => {
      for (const { data } of seen)
        t.equal(data.text, 'a\u0000b', 'the text that the other member received');
    }),
  ),

  check('errors-byte-order-mark', async (t) => {
    const ann = await t.connect('ann');
    ann.sendText('\ufeff{"type":"ping","id":"marked"}');
    const reply = await replyTo(ann, 'marked');
    t.assert(reply.type === 'pong' || reply.data.code === 'invalid_json', {
      expected: 'the pong, or an error of code invalid_json',
      actual: `${reply.type} ${reply.data.code ?? ''}`,
    });
    await ann.staysOpen();
  }),
];
