import { check } from '#conformance/harness/check.js';
import type { Data, Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';

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
    const error = await ann?.errs(code, data);
    if (error) look(error, text);
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
