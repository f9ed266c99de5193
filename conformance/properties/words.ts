/** Names of users; a script's user n bears the nth. */
const people = ['ann', 'bob', 'cem', 'dia', 'eve', 'fay', 'gus', 'hal'];

/** Names of rooms; two differ in case alone. */
const places = ['attic', 'Attic', 'cellar', 'den', 'hall', 'loft'];

/** What follows the tag in a text. The first is the shortest. */
const texts = [
  '',
  'hello',
  'crème brûlée, пельмени, 寿司',
  '👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301 \u200Fשלום',
  '"quoted" \\ back\\slash / <b>&amp;</b> \u2028 \u0085',
  '{"type":"chat","data":{}}',
  'line\nline\ttab',
  'long '.repeat(120),
];

/** What an application may put into `meta`; the first stands for none. */
const metas: (Record<string, unknown> | undefined)[] = [
  undefined,
  {},
  { thread: 'a1', pinned: true },
  { n: 0.1, big: 9007199254740991, small: -0.000001, none: null },
  { list: [1, [2, { three: 3 }], 'four'], '': 'empty name', ключ: '値' },
  { toString: 'own', hasOwnProperty: 1 },
];

function pick<T>(list: readonly T[], index: number): T {
  return list[index % list.length] as T;
}

/** The number of texts to choose from. */
export const textCount = texts.length;

/** The number of metas to choose from. */
export const metaCount = metas.length;

/** The plain name of a user. */
export function person(index: number): string {
  return index < people.length ? pick(people, index) : `user${index}`;
}

/** The plain name of a room. */
export function place(index: number): string {
  return index < places.length ? pick(places, index) : `room${index}`;
}

/** The text of a message: its tag, then words. */
export function textOf(tag: string, index: number): string {
  const words = pick(texts, index);
  return words === '' ? tag : `${tag} ${words}`;
}

/** The payload of a binary message: its tag, then bytes. */
export function payloadOf(tag: string, index: number): Buffer {
  const kind = index % texts.length;
  if (kind === 0) return Buffer.from(tag);
  const bytes = Buffer.alloc(kind * 97);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = (at * 31 + kind) % 256;
  return Buffer.concat([Buffer.from(`${tag} `), bytes]);
}

/** The meta of a message; undefined for none. */
export function metaOf(index: number): Record<string, unknown> | undefined {
  return pick(metas, index);
}
