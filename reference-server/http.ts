import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Metrics } from './metrics.js';
import type { Tally } from './operations.js';
import type { Core } from './state.js';

/** Answers one HTTP request; false: not its business. */
export type Handler = (request: IncomingMessage, response: ServerResponse, path: string) => boolean;

/** Answers with a problem (RFC 9457). */
export function problem(
  response: ServerResponse,
  status: number,
  title: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
    ...headers,
  });
  response.end(JSON.stringify({ title, status, detail }));
}

/** The endpoints of the chapter `operations`, and Prometheus' `/metrics`. */
export function operationsHandler(core: Core, tally: Tally, metrics: Metrics): Handler {
  const { operations } = core.parts;
  const json = (response: ServerResponse, status: number, body: object) => {
    response.writeHead(status, operations.headers(status));
    response.end(JSON.stringify(body));
  };
  const endpoints: Readonly<Record<string, (response: ServerResponse) => void>> = {
    '/health/websocket': (response) => {
      const { status, body } = operations.health(core, core.now());
      json(response, status, body);
    },
    '/stats': (response) =>
      json(response, operations.statsStatus(core), operations.stats(core, tally, core.now())),
    '/metrics': (response) => {
      metrics.text().then(
        (text) => {
          response.writeHead(200, { 'Content-Type': metrics.contentType });
          response.end(text);
        },
        (error: unknown) => {
          core.log?.({ event: 'internal_error', reason: String(error) });
          problem(response, 500, 'Internal Server Error', 'The metrics cannot be read.');
        },
      );
    },
  };
  return (request, response, path) => {
    const endpoint = Object.hasOwn(endpoints, path) ? endpoints[path] : undefined;
    if (!endpoint || !core.config.features.has('operations')) return false;
    const method = request.method ?? '';
    if (operations.allows(method)) endpoint(response);
    else {
      const { status, title } = operations.refusal(method);
      problem(response, status, title, 'Only GET is answered.', { Allow: 'GET, HEAD' });
    }
    return true;
  };
}

/** Answers what asks for no upgrade: the endpoint wants one, everything else is unknown. */
export function fallback(core: Core, response: ServerResponse, path: string): void {
  const { status, detail, headers } = core.parts.handshake.plain;
  if (path === core.config.path) problem(response, status, 'Upgrade Required', detail, headers);
  else problem(response, 404, 'Not Found', 'There is nothing here.');
}
