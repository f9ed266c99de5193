import { UsageError } from '#conformance/harness/verdict.js';
import { didYouMean } from '#conformance/nearest.js';

/** A rule or check that a selector may mean. */
export interface Selectable {
  id: string;
  rule: string;
  chapter: string;
}

/** Whether a selector means it: its chapter, its rule, its own id, or the beginning of that. */
function means(selector: string, { id, rule, chapter }: Selectable): boolean {
  return selector === chapter || selector === rule || id.startsWith(selector);
}

/**
 * Those of `all` that at least one selector means.
 *
 * @param known what a selector may mean besides, such as rules that have no check
 * @throws UsageError for a selector that means nothing, with what was probably meant
 */
export function select<T extends Selectable>(
  all: readonly T[],
  selectors: readonly string[],
  from: string,
  known: readonly Selectable[] = [],
): T[] {
  for (const selector of selectors) {
    if ([...all, ...known].some((each) => means(selector, each))) continue;
    const names = [...all, ...known].flatMap(({ id, rule, chapter }) => [chapter, rule, id]);
    const hint = didYouMean(selector, names) || '; parlor list names them all';
    throw new UsageError(
      `${from}: no chapter, rule or prefix of rules is called '${selector}'${hint}`,
    );
  }
  return all.filter((each) => selectors.some((selector) => means(selector, each)));
}
