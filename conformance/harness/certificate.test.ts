import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { selfSigned, toPem } from './certificate.js';

describe('a self-signed certificate', () => {
  it.each([
    ['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['EC', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ])('of an %s key is read and verified by others', (_name, generate) => {
    const { privateKey, publicKey } = generate();
    const certificate = new X509Certificate(toPem(selfSigned(privateKey, 'mallory')));
    expect(certificate.subject).toBe('CN=mallory');
    expect(certificate.verify(publicKey)).toBe(true);
    expect(certificate.publicKey.equals(publicKey)).toBe(true);
    expect(new Date(certificate.validTo).getUTCFullYear()).toBe(2049);
  });
});
