import { text } from 'node:stream/consumers';

// The control command `session.revoke` for servers with a `POST /logout`: {"value": "…", "url": "ws://…"} on stdin.
const { value, url } = JSON.parse(await text(process.stdin)) as { value: string; url: string };
const target = new URL('/logout', url);
target.protocol = target.protocol === 'wss:' ? 'https:' : 'http:';
const { ok, status } = await fetch(target, {
  method: 'POST',
  headers: { Cookie: `session_token=${value}` },
});
if (!ok) {
  process.stderr.write(`POST ${target} answered with HTTP ${status}.\n`);
  process.exitCode = 1;
}
