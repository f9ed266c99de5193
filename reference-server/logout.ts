import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

interface Revocation {
  /** Value of the cookie. */
  value: string;
  /** WebSocket endpoint of the server. */
  url: string;
  /** One of its allowed origins. */
  origin?: string;
}

// The control command `session.revoke` for servers with a `POST /logout`: a revocation as JSON on stdin.
const { value, url, origin } = JSON.parse(await text(process.stdin)) as Revocation;
const target = new URL('/logout', url);
target.protocol = target.protocol === 'wss:' ? 'https:' : 'http:';
// Loads in half the time of `fetch`.
const { request } = target.protocol === 'https:' ? await import('node:https') : http;
const headers = {
  Cookie: `session_token=${value}`,
  ...(origin !== undefined && { Origin: origin }),
};
const asked = request(target, { method: 'POST', headers }).end();
const [answer] = (await once(asked, 'response')) as [IncomingMessage];
answer.resume();
const status = answer.statusCode ?? 0;
if (status < 200 || status > 299) {
  process.stderr.write(`POST ${target} answered with HTTP ${status}.\n`);
  process.exitCode = 1;
}
