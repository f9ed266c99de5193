/** Edits that turn one word into another: a letter added, left out, changed, or two neighbours swapped. */
export function distance(a: string, b: string): number {
  let older: number[] = [];
  let old = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(
        (row[j - 1] ?? 0) + 1,
        (old[j] ?? 0) + 1,
        (old[j - 1] ?? 0) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (older[j - 2] ?? 0) + 1);
      }
      row.push(best);
    }
    [older, old] = [old, row];
  }
  return old[b.length] ?? 0;
}

/** The known words that a mistyped one was most probably meant to be. */
export function nearest(word: string, known: Iterable<string>, most = 3): string[] {
  const wanted = word.toLowerCase();
  const close = [...new Set(known)]
    .map((each) => ({ each, far: farness(wanted, each.toLowerCase()) }))
    .filter(
      ({ each, far }) => far <= Math.max(1, Math.ceil(Math.max(wanted.length, each.length) * 0.34)),
    );
  const least = Math.min(...close.map(({ far }) => far));
  return close
    .filter(({ far }) => far === least)
    .map(({ each }) => each)
    .sort()
    .slice(0, most);
}

/** `; did you mean 'a' or 'b'?`, or nothing where nothing is near. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const found = nearest(word, known);
  return found.length === 0
    ? ''
    : `; did you mean ${alternatives(found.map((each) => `'${each}'`))}?`;
}

/** `a`, `a or b`, `a, b or c`. */
export function alternatives(words: readonly string[]): string {
  return words.length < 2
    ? (words[0] ?? '')
    : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

// A part of a long id is what people remember: its length matters less than that it occurs.
function farness(wanted: string, known: string): number {
  const far = distance(wanted, known);
  return wanted.length >= 4 && known.includes(wanted) ? Math.min(far, 1) : far;
}
