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
const { ok, status } = await fetch(target, {
  method: 'POST',
  headers: { Cookie: `session_token=${value}`, ...(origin !== undefined && { Origin: origin }) },
});
if (!ok) {
  process.stderr.write(`POST ${target} answered with HTTP ${status}.\n`);
  process.exitCode = 1;
}
