/** What a dump of bytes in a chapter says: the bytes of each line with an offset, and what stands beside them. */
export interface Dump {
  bytes: Uint8Array;
  /** The right column, joined; a dot stands for a byte that is no printable ASCII. */
  beside: string;
}

/** Reads a dump of lines such as `0010  72 79 22  ry"`. */
export function dumpOf(text: string): Dump {
  const bytes: number[] = [];
  let beside = '';
  for (const line of text.split('\n')) {
    const [, offset, hex = '', right = ''] =
      /^([0-9a-f]{4}) {2}((?:[0-9a-f]{2} ?){1,16}) +(\S.*)$/.exec(line) ?? [];
    if (offset === undefined) continue;
    if (Number.parseInt(offset, 16) !== bytes.length)
      throw new Error(`expected the offset ${bytes.length.toString(16)}, got ${offset}`);
    bytes.push(
      ...hex
        .trim()
        .split(/\s+/)
        .map((each) => Number.parseInt(each, 16)),
    );
    beside += right;
  }
  return { bytes: Uint8Array.from(bytes), beside };
}

/** Bytes as a dump's right column shows them. */
export const printed = (bytes: Uint8Array): string =>
  [...bytes].map((each) => (each > 31 && each < 127 ? String.fromCharCode(each) : '.')).join('');

const OPCODES: Readonly<Record<number, string>> = {
  0: 'continuation',
  1: 'text',
  2: 'binary',
  8: 'Close',
  9: 'Ping',
  10: 'Pong',
};

/** What the first two bytes of a WebSocket frame say. */
export function frameOf(first: number, second: number) {
  return {
    kind: OPCODES[first & 0x0f],
    fin: first >> 7,
    masked: second >> 7 === 1,
    length: second & 0x7f,
  };
}
