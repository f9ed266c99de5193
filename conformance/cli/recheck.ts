import { requirement } from '#conformance/harness/requirements.js';
import type { Failed, Rechecked } from '#conformance/properties/index.js';
import type { Broken } from '#conformance/reports/broken.js';
import { readable } from '#conformance/reports/readable.js';
import { redactor } from '#conformance/reports/redact.js';
import { failure } from '#conformance/reports/terminal/failure.js';
import { type Style, styleOf } from '#conformance/reports/terminal/style.js';
import { timeline } from '#conformance/reports/terminal/timeline.js';
import { bookFor } from './book.js';
import { type Io, wantsColor } from './io.js';

/**
 * `parlor recheck <failure>`: judges the trace of a saved conversation, without a server.
 *
 * @returns 1 when it breaks its rule still, else 0
 * @throws UsageError for what is no failure
 */
export async function recheck(named: string, json: boolean, io: Io): Promise<0 | 1> {
  const { loadFailure, recheck: judgeAgain } = await import('#conformance/properties/index.js');
  const failed = loadFailure(named, io.cwd);
  const found = judgeAgain(failed);
  const { causes, consequences } = found.judgement;
  const redact = redactor();
  if (json) {
    const { id, rule } = failed;
    const result = { id, rule, broken: found.broken, causes, consequences };
    io.stdout(`${redact(JSON.stringify(result, null, 2))}\n`);
  } else {
    const screen = { write: io.stdout, width: io.columns, rows: io.rows, live: false };
    const style = styleOf({ ...screen, color: wantsColor(io) }, bookFor(io.cwd));
    const lines = found.broken ? broken(failed, found, style) : mended(failed, found, style);
    io.stdout(`${redact(lines.join('\n'))}\n`);
  }
  return found.broken ? 1 : 0;
}

function broken({ rule, id }: Failed, { told, judgement }: Rechecked, style: Style): string[] {
  const { level, text } = requirement(rule);
  const cause = judgement.causes.some((each) => each.rule === rule)
    ? undefined
    : judgement.causes[0]?.rule;
  const hint = cause === undefined ? {} : { hint: `It probably follows from ${cause}.` };
  const shown: Broken = {
    check: `${rule}/recheck`,
    rule,
    level,
    text,
    grade: 'fail',
    failure: readable({ rule, ...told, ...hint, replay: `npx parlor replay ${id}` }),
    seen_in: undefined,
    follows: [],
  };
  return [...failure(shown, style), `the stored trace breaks ${rule}`];
}

function mended({ rule, trace }: Failed, { told, judgement }: Rechecked, style: Style): string[] {
  const plain = (text: string) => text.replaceAll(`.${trace.namespace}`, '');
  const others = judgement.causes.map((each) => `it breaks ${each.rule}: ${plain(each.actual)}`);
  return [
    ...timeline(readable({ rule, ...told }), style, '  '),
    '',
    ...others,
    `the stored trace does not break ${rule}`,
  ];
}
