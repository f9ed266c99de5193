import { check } from '#conformance/harness/check.js';
import type { Data, Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';

/** What some readers take for JSON, each as the `data` of a ping. */
export const ALMOST = [
  '{"n":01}',
  '{"n":-01.5}',
  '{"n":+1}',
  '{"n":.5}',
  '{"n":1.}',
  '{"n":0x10}',
  '{"n":1_000}',
  '{"list":[1,]}',
  '{"list":[1,,2]}',
  '{"a":1 "b":2}',
  "{'a':1}",
  '{"text":"a\tb"}',
  '{"text":"a\nb"}',
  '{"text":"\u0001"}',
  '{"text":"\\x41"}',
  '{"text":"\\\'"}',
  '{"text":"\\u12"}',
  '{"flag":True}',
  '{"none":undefined}',
  '{} /* a comment */',
  '{} // a comment\n',
  '',
];

/** Pings with white space in them that is some to a regular expression, and none to JSON. */
export const SPACED = ['\f', '\v', '\u00a0', '\u2028', '\u0085'].map(
  (space) => `{"type":${space}"ping"}`,
);

const REPLIES = ['ack', 'pong', 'error'];
const STRICT = 'Read JSON as RFC 8259 has it, and turn off what the parser forgives beside it.';

/** Sends texts one by one, each of which has to be answered with an error; a new connection when the budget nears its end. */
export async function answered(
  t: Stage,
  texts: readonly string[],
  code: string | readonly string[],
  data: Data = {},
  look: (error: Message, text: string) => void = () => {},
): Promise<void> {
  const most = Math.max(1, t.welcome.limits.max_protocol_errors - 1);
  let ann: Peer | undefined;
  for (const [index, text] of texts.entries()) {
    // Each has a budget of mistakes, and a user may have only so many connections.
    if (index % most === 0) ann = await t.connect(index === 0 ? 'ann' : `ann-${index}`);
    ann?.sendText(text.replaceAll('ROOM', t.room('lounge')));
    const reply = await ann?.receives('*', ({ type }) => REPLIES.includes(type));
    if (!ann || !reply) continue;
    t.assert(reply.type === 'error', {
      expected: `an error of code ${[code].flat().join(' or ')} for ${JSON.stringify(text.slice(0, 100))}`,
      actual: `${reply.type} came`,
      ...(code === 'invalid_json' ? { hint: STRICT } : {}),
    });
    look(ann.isError(reply, code, data), text);
  }
  await ann?.staysOpen();
}

/** A rule of types that are not announced: on the target as it is, and on an instance that announces none of the profiles. */
export function unsupported(
  rule: 'errors-unsupported-type' | 'errors-unsupported-before-payload',
  data: Record<string, object>,
) {
  const run = async (t: Stage) => {
    const ann = await t.connect('ann');
    const announced = ann.welcome.data['features'] as string[];
    const lacking = Object.keys(data).filter(
      (type) => !announced.includes(type === 'auth' ? 'auth_refresh' : type),
    );
    if (lacking.length === 0) t.notExercised('every profile with a type of its own is announced');
    for (const type of lacking)
      await ann.refuses('unsupported', () => ann.request(type, data[type]));
  };
  return [
    check(rule, run),
    check(rule, run, {
      variant: 'bare',
      instance: { PARLOR_FEATURES: 'operations' },
      shared: true,
    }),
  ];
}
