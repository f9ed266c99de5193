import type { Close } from './wire.js';

/** The likely cause and cure of a close that is not the expected one. */
export function closeHint(
  expected: readonly number[],
  close: Close,
  status: number,
): string | undefined {
  const own = expected.some((code) => code >= 4000);
  if (close.by === 'refusal' && own)
    return `Refused with HTTP ${status}: a browser sees 1006 and learns nothing. Complete the handshake, then close ${expected.join(' or ')}.`;
  if (close.by === 'refusal') return `The server answered HTTP ${status} in place of 101.`;
  if (close.code === 1005 && own)
    return 'The server closed without a code. Pass the code and the reason to the close call of your library.';
  if ((close.by === 'fin' || close.by === 'reset') && own)
    return 'The TCP connection ended without a Close frame; a browser sees 1006. Send the Close frame first, and let the library finish the closing handshake.';
  if (close.code === 1008 && own)
    return `1008 is the framework's own refusal. Close with ${expected.join(' or ')} instead.`;
  if (close.code === 1011 && expected.includes(4201))
    return "1011 is how a library's own heartbeat ends a connection. That is allowed; 4201 tells the client more.";
  if (close.code === 1011)
    return '1011 is what libraries send when a handler throws: look for an exception in the server.';
  if (close.code === 1000 && own)
    return 'A handler that returns often closes with 1000: close explicitly before it returns.';
  if (close.code === 1006 && close.by === 'runner') return close.detail;
  return undefined;
}

/** The likely cause of a reply that cannot be matched with its request. */
export function replyHint(type: string, ref: string | undefined): string {
  const article = /^[aeiou]/.test(type) ? 'An' : 'A';
  return ref === undefined
    ? `${article} ${type} came without \`ref\`: copy the request's \`id\` into it.`
    : `${article} ${type} came with another \`ref\` (${ref}): it has to be the request's \`id\`.`;
}

/** The likely cause of a refusal for the rate where the runner keeps within it. */
export const rateHint =
  'The runner keeps within the announced rates: the limiter counts more than it announces, or counts together what is not shared.';
