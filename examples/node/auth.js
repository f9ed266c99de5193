// Who is it? Takes the credentials of an opening handshake apart and decides on them.
import { compactVerify, importSPKI } from 'jose';
import { features, sessions, sessionsEnd, token as settings } from './config.js';

const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const LAST_SECOND = 253_402_300_799; // of the year 9999, the last that a timestamp can hold
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROL = /[\u0000-\u001f\u007f]/;

const key = !settings.accepted
  ? undefined
  : settings.algorithm === 'HS256'
    ? new TextEncoder().encode(settings.secret)
    : await importSPKI(settings.publicKey, settings.algorithm);
/** Sessions that were logged out of. */
export const revoked = new Set();

/** The connection ends with this code and reason, after the handshake. */
export class Refused extends Error {
  constructor(code, reason) {
    super(reason);
    this.code = code;
    this.reason = reason;
  }
}

/** The tokens and the session cookies of an opening handshake, all of them. */
export function credentials({ url, headers, headersDistinct }) {
  const query = new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?')) : '');
  const bearers = (headersDistinct.authorization ?? []).flatMap(
    (header) => /^bearer +(.*)$/i.exec(header.trim())?.[1] ?? [],
  );
  const cookies = (headers.cookie ?? '').split(';').flatMap((pair) => {
    const [name, ...value] = pair.split('=');
    return name.trim() === 'session_token' && value.length > 0 ? value.join('=').trim() : [];
  });
  return {
    tokens: [...query.getAll('token'), ...bearers],
    sessions: features.includes('session') ? [...new Set(cookies)] : [],
  };
}

/** The identity behind them, or Refused. A token goes before a session, and never falls back to it. */
export async function authenticate({ tokens, sessions: cookies }) {
  if (tokens.length > 1) throw new Refused(4001, 'credentials_conflict');
  if (tokens.length === 1) return verify(tokens[0]);
  if (cookies.length > 1) throw new Refused(4003, 'session_ambiguous');
  if (cookies.length === 1) return lookUp(cookies[0]);
  throw settings.accepted
    ? new Refused(4001, 'token_missing')
    : new Refused(4003, 'session_missing');
}

// #region session
function lookUp(session) {
  if (revoked.has(session)) throw new Refused(4003, 'session_revoked');
  if (!sessions.has(session)) throw new Refused(4003, 'session_invalid');
  if (sessionsEnd !== null && Date.now() >= sessionsEnd) throw new Refused(4003, 'session_expired');
  return { user: sessions.get(session), method: 'session', expiresAt: sessionsEnd, session };
}
// #endregion session

// #region verify
async function verify(token) {
  const invalid = new Refused(4001, 'token_invalid');
  if (!key || token.length > 8_192 || !COMPACT.test(token)) throw invalid;
  let claims;
  try {
    // One algorithm, and never the one that the header asks for.
    const options = { algorithms: [settings.algorithm] };
    const { payload, protectedHeader } = await compactVerify(token, key, options);
    if ('crit' in protectedHeader || protectedHeader.b64 === false) throw invalid;
    claims = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    throw invalid;
  }
  if (!fits(claims)) throw invalid;
  // Last, so that only a token without any other fault is told that it has expired.
  const expiresAt = claims.exp * 1_000;
  if (Date.now() >= expiresAt + settings.leewayMs) throw new Refused(4001, 'token_expired');
  return { user: claims.sub, method: 'token', expiresAt, rooms: claims.rooms };
}

/** What libraries leave open: `exp` is required, `sub` is a name, and each claim has its type. */
function fits(claims) {
  const { sub, exp, nbf = 0, aud, iss, rooms = [] } = claims ?? {};
  const { audience, issuer, leewayMs } = settings;
  return (
    isName(sub) &&
    Number.isFinite(exp) &&
    exp <= LAST_SECOND &&
    Number.isFinite(nbf) &&
    Date.now() >= nbf * 1_000 - leewayMs &&
    (audience === undefined || (Array.isArray(aud) ? aud.includes(audience) : aud === audience)) &&
    (issuer === undefined || iss === issuer) &&
    Array.isArray(rooms) &&
    rooms.every((room) => typeof room === 'string')
  );
}

function isName(sub) {
  return (
    typeof sub === 'string' &&
    sub !== '' &&
    sub.isWellFormed() &&
    !CONTROL.test(sub) &&
    Buffer.byteLength(sub) <= 255
  );
}
// #endregion verify
