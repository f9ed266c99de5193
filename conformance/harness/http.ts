import http from 'node:http';
import https from 'node:https';
import { Violation } from './verdict.js';

/** An HTTP request beside the WebSocket endpoint. */
export interface HttpInit {
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: string | Uint8Array;
}

/** An HTTP answer, whole. */
export interface HttpAnswer {
  status: number;
  /** Values by lower-case name. */
  headers: Readonly<Record<string, string>>;
  body: string;
  /** The body as JSON. @throws Violation when it is none */
  json(): unknown;
}

const MAX_BODY = 4 * 1024 * 1024;

/** Makes a request on a connection of its own. Rejects with a Violation when the server answers no HTTP. */
export function httpRequest(
  url: URL,
  { method = 'GET', headers = {}, body }: HttpInit,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) =>
      reject(
        new Violation({
          expected: `an HTTP answer to ${method} ${url.pathname}`,
          actual: error.message,
        }),
      );
    const request = (url.protocol === 'https:' ? https : http).request(url, {
      method,
      headers,
      agent: false,
    });
    request.once('error', fail);
    request.once('upgrade', (response, socket) => {
      socket.destroy();
      resolve(answer(response, ''));
    });
    request.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MAX_BODY)
          response.destroy(new Error(`the body is longer than ${MAX_BODY} bytes`));
      });
      response.once('error', fail);
      response.once('end', () => resolve(answer(response, text)));
    });
    request.end(body);
  });
}

function answer({ statusCode = 0, headers }: http.IncomingMessage, body: string): HttpAnswer {
  const flat = Object.entries(headers).map(([name, value]) => [name, String(value)] as const);
  return {
    status: statusCode,
    headers: Object.fromEntries(flat),
    body,
    json() {
      try {
        return JSON.parse(body);
      } catch {
        throw new Violation({
          expected: 'a JSON body',
          actual: `the body is ${JSON.stringify(body.slice(0, 200))}`,
        });
      }
    },
  };
}
