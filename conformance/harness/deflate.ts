import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';

/** One extension of a `Sec-WebSocket-Extensions` header; a parameter without a value is `true`. */
export interface Extension {
  name: string;
  parameters: [name: string, value: string | true][];
}

const EMPTY_BLOCK = Buffer.from([0, 0, 0xff, 0xff]);
const FLAGS = ['server_no_context_takeover', 'client_no_context_takeover'];
const BITS = ['server_max_window_bits', 'client_max_window_bits'];

/** Parses a `Sec-WebSocket-Extensions` header. */
export function parseExtensions(header: string): Extension[] {
  return header
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .map((each) => {
      const [name = '', ...parameters] = each.split(';').map((part) => part.trim());
      return {
        name,
        parameters: parameters.map((part): [string, string | true] => {
          const [key = '', value] = part.split('=', 2).map((half) => half.trim());
          return [key, value === undefined ? true : value.replace(/^"(.*)"$/, '$1')];
        }),
      };
    });
}

/**
 * What is wrong with the answer to the offers; empty when it suits one of them. Whether an offered
 * `server_max_window_bits` is honoured is a rule of its own.
 */
export function judgeDeflateAnswer(answer: Extension, offers: readonly Extension[]): string[] {
  const found = offers
    .filter((offer) => offer.name === answer.name)
    .map((offer) => faultsFor(answer, offer))
    .sort((a, b) => a.length - b.length)[0];
  return found ?? [`${answer.name} was not offered`];
}

function faultsFor(answer: Extension, offer: Extension): string[] {
  const faults: string[] = [];
  const offered = new Map(offer.parameters);
  const given = new Map(answer.parameters);
  if (given.size !== answer.parameters.length) faults.push('a parameter is given twice');
  for (const [name, value] of answer.parameters) {
    if (FLAGS.includes(name)) {
      if (value !== true) faults.push(`${name} has a value`);
    } else if (BITS.includes(name)) {
      const bits = value === true || !/^[1-9][0-9]?$/.test(value) ? Number.NaN : Number(value);
      if (!(bits >= 8 && bits <= 15)) faults.push(`${name} is ${value}, not a number from 8 to 15`);
      if (name === 'client_max_window_bits') faults.push(...clientWindow(bits, offered));
    } else faults.push(`${name} is no parameter of permessage-deflate`);
  }
  const name = 'server_no_context_takeover';
  if (offered.has(name) && !given.has(name)) faults.push(`${name} was asked for and is missing`);
  return faults;
}

function clientWindow(bits: number, offered: ReadonlyMap<string, string | true>): string[] {
  const bound = offered.get('client_max_window_bits');
  if (bound === undefined) return ['client_max_window_bits was not offered'];
  if (bound === true || bits <= Number(bound)) return [];
  return [`client_max_window_bits is ${bits}, above the offered ${bound}`];
}

/** Both directions of a negotiated `permessage-deflate`, as the client has them. */
export class Deflate {
  readonly #parameters: ReadonlyMap<string, string | true>;
  #received = Buffer.alloc(0);
  #sent = Buffer.alloc(0);

  constructor(answer: Extension) {
    this.#parameters = new Map(answer.parameters);
  }

  /** Decompresses one message. @throws when it is no deflate stream or longer than `maxLength` */
  inflate(payload: Buffer, maxLength: number): Buffer {
    const data = inflateRawSync(Buffer.concat([payload, EMPTY_BLOCK]), {
      dictionary: this.#received,
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: maxLength,
    });
    if (!this.#parameters.has('server_no_context_takeover'))
      this.#received = window(this.#received, data, 15);
    return data;
  }

  /** Compresses one message. */
  deflate(data: Buffer): Buffer {
    const bits = Number(this.#parameters.get('client_max_window_bits') ?? 15);
    const out = deflateRawSync(data, {
      windowBits: Math.max(bits, 9),
      // zlib has no window of 256 bytes; without back references none is needed.
      strategy: bits < 9 ? constants.Z_HUFFMAN_ONLY : constants.Z_DEFAULT_STRATEGY,
      ...(this.#sent.length > 0 && { dictionary: this.#sent }),
      finishFlush: constants.Z_SYNC_FLUSH,
    });
    if (!this.#parameters.has('client_no_context_takeover') && bits >= 9)
      this.#sent = window(this.#sent, data, bits);
    return out.subarray(0, -EMPTY_BLOCK.length);
  }
}

// What later messages may refer back to.
function window(before: Buffer, data: Buffer, bits: number): Buffer<ArrayBuffer> {
  return Buffer.concat([before, data]).subarray(-(2 ** bits));
}
