import type { IncomingMessage, ServerResponse } from 'node:http';
import { stringifySetCookie } from 'cookie';
import { type Handler, problem } from './http.js';
import { COOKIE, newSessionValue, type SessionStore, sessionKey, sessions } from './sessions.js';

const LIFE_MS = 12 * 3_600_000;
const LONGEST_BODY = 4_096;

/** What the login of development needs. */
export interface LoginOptions {
  readonly store: SessionStore;
  /** Whether `/login` is answered at all. */
  readonly open: boolean;
  readonly allowedOrigins: readonly string[];
  /** Revokes a session by its value, and closes its connections. */
  readonly revoke: (value: string) => Promise<boolean>;
}

function body(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > LONGEST_BODY) reject(new Error('too long'));
    });
    request.on('end', () => resolve(text));
    request.on('error', reject);
  });
}

function cookie(value: string, maxAge: number): string {
  return stringifySetCookie(COOKIE, value, { httpOnly: true, sameSite: 'lax', path: '/', maxAge });
}

function userOf(text: string): string | null {
  try {
    const { user } = JSON.parse(text) as { user?: unknown };
    return typeof user === 'string' && /^[\w.@-]{1,255}$/.test(user) ? user : null;
  } catch {
    return null;
  }
}

/** `POST /login` with `{"user": "…"}` and `POST /logout`: a login without passwords, for development. */
export function loginHandler({ store, open, allowedOrigins, revoke }: LoginOptions): Handler {
  const login = async (request: IncomingMessage, response: ServerResponse) => {
    const user = userOf(await body(request));
    if (user === null)
      return problem(response, 400, 'Bad Request', 'Expected {"user": "…"} with a plain name.');
    const value = newSessionValue();
    const expiresAt = Date.now() + LIFE_MS;
    await store.create(sessionKey(value), { user, expiresAt, revoked: false });
    response.writeHead(204, { 'Set-Cookie': cookie(value, LIFE_MS / 1_000) }).end();
  };
  const logout = async (request: IncomingMessage, response: ServerResponse) => {
    const values = sessions.values([request.headers.cookie ?? '']);
    for (const value of values) await revoke(value);
    response.writeHead(204, { 'Set-Cookie': cookie('', 0) }).end();
  };
  const endpoints: Readonly<Record<string, typeof login>> = {
    ...(open ? { '/login': login } : {}),
    '/logout': logout,
  };
  return (request, response, path) => {
    const endpoint = Object.hasOwn(endpoints, path) ? endpoints[path] : undefined;
    if (!endpoint) return false;
    const { origin } = request.headers;
    if (request.method !== 'POST')
      problem(response, 405, 'Method Not Allowed', 'Only POST is answered.', { Allow: 'POST' });
    else if (origin !== undefined && !allowedOrigins.includes(origin))
      problem(response, 403, 'Forbidden', 'The origin is not allowed.');
    else
      endpoint(request, response).catch(() =>
        problem(response, 400, 'Bad Request', 'The request could not be read.'),
      );
    return true;
  };
}
