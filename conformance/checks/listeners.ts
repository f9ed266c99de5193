import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Stage } from '#conformance/harness/stage.js';

/** What a listener does with a request. */
export type Manner = 'answer' | 'hold' | 'drop';

/** A small HTTP server of a check's own, on loopback, which remembers what it was asked for. */
export class Listener {
  /** What it answers, by path; anything else is 404. */
  readonly bodies: Record<string, string | Buffer> = {};
  /** Paths of the requests so far. */
  readonly requests: string[] = [];
  readonly #held: { path: string; response: ServerResponse }[] = [];
  readonly #asked: (() => void)[] = [];
  #manner: Manner;
  #port = 0;

  private constructor(manner: Manner) {
    this.#manner = manner;
  }

  /** Listens while `use` runs. */
  static async during<T>(
    t: Stage,
    manner: Manner,
    use: (listener: Listener) => Promise<T>,
  ): Promise<T> {
    const listener = new Listener(manner);
    const server = createServer(({ url = '/' }, response) => listener.#take(url, response));
    const listens = new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return t.during(
      async () => {
        await listens;
        listener.#port = (server.address() as AddressInfo).port;
        return use(listener);
      },
      () => {
        server.closeAllConnections();
        server.close();
      },
    );
  }

  /** The address of a path. */
  url(path: string): string {
    return `http://127.0.0.1:${this.#port}${path}`;
  }

  /** From now on requests are answered, held back, or dropped; answering also answers those held back. */
  set manner(manner: Manner) {
    this.#manner = manner;
    if (manner === 'answer')
      for (const { path, response } of this.#held.splice(0)) this.#answer(path, response);
  }

  /** Resolves at the first request. */
  asked(): Promise<void> {
    if (this.requests.length > 0) return Promise.resolve();
    return new Promise((resolve) => this.#asked.push(resolve));
  }

  #take(path: string, response: ServerResponse): void {
    this.requests.push(path);
    for (const told of this.#asked.splice(0)) told();
    if (this.#manner === 'drop') response.destroy();
    else if (this.#manner === 'hold') this.#held.push({ path, response });
    else this.#answer(path, response);
  }

  #answer(path: string, response: ServerResponse): void {
    const body = this.bodies[path];
    const type =
      typeof body === 'string' ? 'application/json' : 'application/pem-certificate-chain';
    response.writeHead(body === undefined ? 404 : 200, { 'Content-Type': type });
    response.end(body);
  }
}
