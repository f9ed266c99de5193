// Parlor v1 on node:http and ws: the endpoints, and the life of the server.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import { authenticate, credentials, Refused } from './auth.js';
import * as config from './config.js';
import { Connection } from './connection.js';
import { Hub } from './hub.js';
import { log } from './log.js';
import { encode, Refusal, timestamp } from './messages.js';

const CROSSING_MS = 600; // how long requests that cross the notice are still answered
const spread = () => Math.floor(Math.random() * 5_001);

const hub = new Hub();
const sockets = new WebSocketServer({
  noServer: true,
  clientTracking: true,
  perMessageDeflate: false,
  maxPayload: config.limits.max_message_bytes,
  handleProtocols: (offered) => chosen(offered) ?? false,
});
const chosen = (offered) =>
  ['parlor.v1', 'parlor.unsupported'].find((each) => [...offered].includes(each));

/** What ws closes with where it cannot read; everything else breaks the protocol. */
const closes = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  WS_ERR_INVALID_UTF8: 1007,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
};

// #region upgrade
const server = createServer(answer);
server.on('upgrade', (request, tcp, head) => {
  const { headers } = request;
  tcp.on('error', () => tcp.destroy());
  const offered = headers['sec-websocket-protocol']?.split(',').map((each) => each.trim());
  const given = credentials(request);
  if (request.url.split('?')[0] !== '/ws') return deny(tcp, 404, 'Not Found');
  if (hub.draining) return deny(tcp, 503, 'Service Unavailable', 'Retry-After: 5\r\n');
  if (!originAllowed(headers.origin, given)) return deny(tcp, 403, 'Forbidden');
  if (offered && !chosen(offered)) return deny(tcp, 400, 'Bad Request');
  // All other refusals come after the handshake, because a browser sees no HTTP status, only 1006.
  sockets.handleUpgrade(request, tcp, head, (socket) => open(socket, tcp, given));
});

/** Equality, nothing cleverer. A cookie comes unasked from any page, so it needs an origin. */
function originAllowed(origin, { tokens, sessions }) {
  if (origin === undefined) return tokens.length > 0 || sessions.length === 0;
  return config.origins.has(origin);
}

async function open(socket, tcp, given) {
  socket.on('error', () => {}); // ws has closed with the right code already; 'close' follows
  socket.pause(); // messages may come before the token is verified
  try {
    if (socket.protocol === 'parlor.unsupported') throw new Refused(4002, 'version_unsupported');
    const connection = new Connection(hub, socket, tcp, await authenticate(given));
    if (hub.draining) throw new Refused(1012, `server_restart;retry_after_ms=${spread()}`);
    if (socket.readyState !== socket.OPEN) return;
    hub.add(connection);
    socket.on('error', ({ code }) => {
      connection.ending ??= { code: closes[code] ?? 1002, reason: '' };
    });
    socket.on('close', (code, reason) => {
      // The first Close frame counts, whoever sent it.
      log('websocket_disconnect', connection, connection.ending ?? { code, reason: `${reason}` });
      connection.gone();
      connection.stopTimers();
    });
    connection.serve();
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    const { code, reason } = refused;
    log('websocket_disconnect', { id: randomUUID() }, { code, reason });
    socket.close(code, reason);
    setTimeout(() => socket.terminate(), 5_000).unref();
  } finally {
    socket.resume();
  }
}
// #endregion upgrade

function deny(tcp, status, name, header = '') {
  const body = problem(status, name);
  tcp.end(
    `HTTP/1.1 ${status} ${name}\r\nContent-Type: application/problem+json\r\n${header}` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}

const problem = (status, title) => JSON.stringify({ type: 'about:blank', title, status });

function answer(request, response) {
  const [path] = request.url.split('?');
  const reads = request.method === 'GET' || request.method === 'HEAD';
  const send = (status, body, headers = {}) =>
    response
      .writeHead(status, {
        'Content-Type':
          status < 400 || status === 503 ? 'application/json' : 'application/problem+json',
        'Cache-Control': 'no-store',
        ...headers,
      })
      .end(body);
  const fault = (status, title, headers) => send(status, problem(status, title), headers);
  if (path === '/ws')
    return fault(426, 'Upgrade Required', { Upgrade: 'websocket', Connection: 'Upgrade' });
  if (path === '/logout' && config.features.includes('session'))
    return logout(request, fault, send);
  const body = config.features.includes('operations') ? operations[path]?.() : undefined;
  if (body === undefined) return fault(404, 'Not Found');
  if (!reads) return fault(405, 'Method Not Allowed', { Allow: 'GET, HEAD' });
  send(body.status === 'draining' ? 503 : 200, JSON.stringify(body));
}

// #region health
const operations = {
  '/stats': () => hub.stats(),
  '/health/websocket': () => ({
    status: hub.draining ? 'draining' : 'healthy',
    active_connections: hub.everyone().length,
    timestamp: timestamp(),
  }),
};
// #endregion health

/** Ends the session of the cookie. A foreign page may not log anybody out. */
function logout(request, fault, send) {
  if (request.method !== 'POST') return fault(405, 'Method Not Allowed', { Allow: 'POST' });
  if (!config.origins.has(request.headers.origin)) return fault(403, 'Forbidden');
  for (const session of credentials(request).sessions)
    if (config.sessions.has(session)) hub.revoke(session);
  send(204);
}

// #region drain
async function drain() {
  const refusal = ({ retryAfterMs }) =>
    new Refusal('shutting_down', 'The server restarts.', { retry_after_ms: retryAfterMs });
  hub.draining = { refusal }; // from now on upgrades get 503
  const everyone = hub.everyone();
  for (const connection of everyone) {
    connection.retryAfterMs = spread(); // drawn for each, or all come back in the same second
    connection.deliver(
      encode('server_shutdown', {
        reason: 'restart',
        grace_ms: config.graceMs,
        reconnect: true,
        retry_after_ms: connection.retryAfterMs,
      }),
    );
  }
  await sleep(Math.min(CROSSING_MS, config.graceMs / 2));
  for (const connection of everyone)
    connection.end(1012, `server_restart;retry_after_ms=${connection.retryAfterMs}`);
  const deadline = performance.now() + config.graceMs;
  while (sockets.clients.size > 0 && performance.now() < deadline) await sleep(20);
  for (const socket of sockets.clients) socket.terminate(); // who does not answer is cut
  while (sockets.clients.size > 0) await sleep(1);
  process.exit(0);
}

process.on('SIGTERM', () => (hub.draining ? process.exit(1) : drain()));
process.on('SIGINT', () => (hub.draining ? process.exit(1) : drain()));
// #endregion drain

server.listen(config.port, config.host);
