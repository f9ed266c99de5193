import { createPublicKey, type KeyObject, sign } from 'node:crypto';

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const NULL = 0x05;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const VERSION = 0xa0;

// 1.2.840.113549.1.1.11, 1.2.840.10045.4.3.2 and 2.5.4.3.
const SHA256_WITH_RSA = '2a864886f70d01010b';
const ECDSA_WITH_SHA256 = '2a8648ce3d040302';
const COMMON_NAME = '550403';

/**
 * A certificate that nobody trusts: signed by its own key, RSA or EC, valid from 2020 to 2049.
 *
 * @returns DER
 */
export function selfSigned(key: KeyObject, name: string): Buffer {
  const rsa = key.asymmetricKeyType === 'rsa';
  const algorithm = der(
    SEQUENCE,
    der(OBJECT_IDENTIFIER, Buffer.from(rsa ? SHA256_WITH_RSA : ECDSA_WITH_SHA256, 'hex')),
    ...(rsa ? [der(NULL)] : []),
  );
  const commonName = der(
    SEQUENCE,
    der(OBJECT_IDENTIFIER, Buffer.from(COMMON_NAME, 'hex')),
    der(UTF8_STRING, Buffer.from(name)),
  );
  const subject = der(SEQUENCE, der(SET, commonName));
  const validity = der(SEQUENCE, utcTime('200101000000Z'), utcTime('491231235959Z'));
  const toBeSigned = der(
    SEQUENCE,
    der(VERSION, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, Buffer.from([1])),
    algorithm,
    subject,
    validity,
    subject,
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
  );
  const signature = sign('sha256', toBeSigned, key);
  return der(
    SEQUENCE,
    toBeSigned,
    algorithm,
    der(BIT_STRING, Buffer.concat([Buffer.from([0]), signature])),
  );
}

/** A certificate as PEM. */
export function toPem(certificate: Buffer): string {
  const lines = certificate.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function utcTime(text: string): Buffer {
  return der(UTC_TIME, Buffer.from(text));
}

// One value: tag, length, contents.
function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  if (body.length < 128) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const digits = body.length.toString(16);
  const length = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 + length.length]), length, body]);
}
