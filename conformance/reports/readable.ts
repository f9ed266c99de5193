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
    ...(failure.because === undefined ? {} : { because: bare(failure.because) }),
    timeline: failure.timeline.map((entry) => ({ ...entry, text: bare(entry.text) })),
  };
}

// A client's label is the beginning of its user: what a quoted name adds to it is the suffix. A client that was only
// opened is not called as its user is; its welcome says the whole name.
function suffixOf({ timeline }: Failure): string | undefined {
  const labels = peers(timeline).map((label) => label.replace(/[^\w.]/g, '.'));
  const named = new RegExp(`"(?:${labels.join('|')})(-[0-9a-z]{5,12})"`);
  const welcomed = /^{"type":\s*"welcome".*"user":\s*"[A-Za-z]\w*(-[0-9a-f]{4}[0-9a-z]{1,4})"/;
  for (const pattern of [named, welcomed]) {
    for (const { text } of timeline) {
      const suffix = pattern.exec(text)?.[1];
      if (suffix !== undefined) return suffix;
    }
  }
  return undefined;
}
