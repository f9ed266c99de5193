import type { Failure } from '#conformance/harness/events.js';
import { peers } from './frames.js';

/**
 * A failure as people name things: `ann` and `lounge`, without the suffix that keeps the users and rooms of one check
 * apart from those of the others. The JSON report has the names that went over the wire.
 */
export function readable(failure: Failure): Failure {
  const suffix = suffixOf(failure);
  if (suffix === undefined) return failure;
  const bare = (text: string) => text.replaceAll(suffix, '');
  return {
    ...failure,
    actual: bare(failure.actual),
    expected: failure.expected.map(bare),
    ...(failure.hint === undefined ? {} : { hint: bare(failure.hint) }),
    timeline: failure.timeline.map((entry) => ({ ...entry, text: bare(entry.text) })),
  };
}

// A client's label is the beginning of its user: what a quoted name adds to it is the suffix.
function suffixOf({ timeline }: Failure): string | undefined {
  for (const peer of peers(timeline)) {
    for (const { text } of timeline) {
      const at = text.indexOf(`"${peer}-`);
      const [, suffix] =
        at < 0 ? [] : (/^(-[0-9a-z]{5,12})"/.exec(text.slice(at + 1 + peer.length)) ?? []);
      if (suffix !== undefined) return suffix;
    }
  }
  return undefined;
}
