import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import { mint, start } from '../reference-server/fixtures/client.js';
import type { ParlorServer } from '../reference-server/server.js';
import { claimed } from '../scripts/docs/claims.js';
import { CHROMIUM, startChromium } from './chromium.js';

const file = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

interface Seen {
  opened: boolean;
  code: number;
  reason: string;
}

interface Message {
  type: string;
  room?: string;
  id?: string;
  data: { text?: string };
}

/** Opens a WebSocket in a page, and tells how it ended. */
function open(page: Page, url: string, protocols: readonly string[]): Promise<Seen> {
  return page.evaluate(`new Promise((resolve) => {
    const socket = new WebSocket(${JSON.stringify(url)}, ${JSON.stringify(protocols)});
    let opened = false;
    socket.onopen = () => { opened = true; };
    socket.onclose = ({ code, reason }) => resolve({ opened, code, reason });
  })`);
}

describe.skipIf(!existsSync(CHROMIUM))('in a real browser', () => {
  let browser: Browser;
  let site: Server;
  let page: Page;
  let parlor: ParlorServer;
  let reference: string;

  beforeAll(async () => {
    site = createServer(({ url }, response) => {
      const script = url === '/parlor.js';
      response.setHeader('Content-Type', script ? 'text/javascript' : 'text/html');
      response.end(script ? readFileSync(file('examples/browser/parlor.js')) : '<title>t</title>');
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
    const started = await start({ allowedOrigins: [origin] });
    parlor = started.server;
    reference = `ws://127.0.0.1:${started.port}/ws`;
    browser = await startChromium();
    page = await browser.newPage();
    await page.goto(origin);
  });
  afterAll(async () => {
    await browser.close();
    await parlor.stop();
    site.close();
  });

  const look = (url: string, ...protocols: string[]) => open(page, url, protocols);

  /** A server of the library `ws` for one test; gives the address. */
  async function plain<T>(
    options: ServerOptions,
    connected: (socket: WebSocket) => void,
    use: (url: string) => Promise<T>,
  ): Promise<T> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
    server.on('connection', connected);
    await once(server, 'listening');
    try {
      return await use(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`);
    } finally {
      for (const client of server.clients) client.terminate();
      server.close();
    }
  }

  describe('a close after the handshake', () => {
    const expected = { opened: true, code: 4001, reason: 'token_expired' };

    it('is seen with its code and reason: the reference server', async () => {
      const token = mint('ann', { exp: 1_000 });
      expect(await look(`${reference}?token=${token}`, 'parlor.v1')).toEqual(expected);
    });

    it('is seen with its code and reason: ws', async () => {
      const seen = await plain({}, (socket) => socket.close(4001, 'token_expired'), look);
      expect(seen).toEqual(expected);
    });
  });

  describe('a refusal before the handshake', () => {
    const expected = { opened: false, code: 1006, reason: '' };

    it.each([401, 403])('is 1006 and nothing else: ws with HTTP %i', async (status) => {
      const verifyClient: ServerOptions['verifyClient'] = (_, done) =>
        done(false, status, 'token_expired');
      expect(await plain({ verifyClient }, () => {}, look)).toEqual(expected);
    });

    it('is 1006 and nothing else: the reference server with a foreign origin', async () => {
      const foreign = await browser.newPage();
      const seen = await open(foreign, `${reference}?token=${mint('ann')}`, []);
      await foreign.close();
      expect(seen).toEqual(expected);
    });

    it('is 1006 and nothing else: nobody listens', async () => {
      const url = await plain(
        {},
        () => {},
        async (gone) => gone,
      );
      expect(await look(url)).toEqual(expected);
    });
  });

  describe('an offered subprotocol', () => {
    it('fails the connection where the server does not choose it', async () => {
      const seen = await plain(
        { handleProtocols: () => false },
        (socket) => socket.close(4001, 'never seen'),
        (url) => look(url, 'parlor.v1'),
      );
      expect(seen).toEqual({ opened: false, code: 1006, reason: '' });
    });

    it('is why a server of other versions chooses the sentinel: the reference server', async () => {
      const url = `${reference}?token=${mint('ann')}`;
      expect(await look(url, 'parlor.v9')).toMatchObject({ opened: false, code: 1006 });
      expect(await look(url, 'parlor.v9', 'parlor.unsupported')).toEqual({
        opened: true,
        code: 4002,
        reason: 'version_unsupported',
      });
    });
  });

  describe('the first steps of the guide', () => {
    it('are what a browser does with them', async () => {
      const [block] = claimed(file(''), 'console');
      const [first = '', ...rest] = (block?.text ?? '').trim().split('\n');
      const url = `${reference}?token=${mint('ann')}`;
      expect(first).toContain("'ws://127.0.0.1:8080/ws?token=…'");
      const said: string[] = [];
      const heard = new Promise<void>((resolve) => {
        page.on('console', (line) => {
          said.push(line.text());
          if (said.length === 4) resolve();
        });
      });
      const opening = [first.replace(/'ws:[^']*'/, `'${url}'`), ...rest.slice(0, 2)].join('\n');
      const sending = rest.slice(2).join(';');
      await page.evaluate(
        `${opening}; socket.addEventListener('message', () => { ${sending} }, { once: true })`,
      );
      await heard;
      const types = said.map((line) => (JSON.parse(line) as Message).type);
      expect(types.sort()).toEqual(['ack', 'ack', 'chat', 'welcome']);
    });
  });

  describe('the diagrams of the guides', () => {
    it.each(
      claimed(file(''), 'diagrams').map((block) => [`${block.file}:${block.line}`, block.text]),
    )('are drawn, with every line: %s', async (_, text) => {
      if (!(await page.evaluate(`'mermaid' in globalThis`)))
        await page.addScriptTag({
          path: file('node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js'),
        });
      const svg = (await page.evaluate(`(async () => {
        mermaid.initialize({ startOnLoad: false });
        return (await mermaid.render('drawn', ${JSON.stringify(text)})).svg;
      })()`)) as string;
      const said = [...text.matchAll(/>>?[\w ]+: (.*)$/gm)].map(([, words = '']) => words);
      expect(said.length).toBeGreaterThan(3);
      expect(svg.match(/class="messageText"/g)).toHaveLength(said.length);
    });
  });

  describe('the client of the guide', () => {
    const client = (url: string, then: string) =>
      page.evaluate(`(async () => {
        const { Parlor } = await import('/parlor.js');
        Math.random = () => 0;
        const parlor = new Parlor('${url}', async () => '${mint('ann')}');
        const messages = [];
        ${then}
      })()`);

    it('talks to the reference server', async () => {
      const messages = (await client(
        reference,
        `parlor.join('hall'); parlor.chat('hall', 'hello');
        return new Promise((resolve) => {
          parlor.onmessage = (message) => {
            messages.push(message);
            if (message.type === 'chat') { resolve(messages); parlor.close(); }
          };
        });`,
      )) as Message[];
      expect(messages[0]?.type).toBe('welcome');
      expect(messages.at(-1)).toMatchObject({
        type: 'chat',
        room: 'hall',
        data: { text: 'hello' },
      });
    });

    it('stops at a refusal, and says it once', async () => {
      let opened = 0;
      const refuse = (socket: WebSocket) => {
        opened += 1;
        socket.close(4077, 'unheard_of');
      };
      const end = await plain({}, refuse, (url) =>
        client(
          url,
          `return new Promise((resolve) => { parlor.onend = (...end) => resolve(end); });`,
        ),
      );
      expect(end).toEqual([4077, 'unheard_of']);
      expect(opened).toBe(1);
    });

    it('comes back after a restart: rooms first, then what waited, nothing before welcome', async () => {
      const heard: string[][] = [];
      const serve = (socket: WebSocket) => {
        const own: string[] = [];
        heard.push(own);
        socket.on('message', (text) => {
          own.push((JSON.parse(String(text)) as Message).type);
          if (heard.length === 2 && own.length === 3) socket.close(1000);
        });
        if (heard.length === 1) socket.close(1012, 'server_restart;retry_after_ms=1');
        else
          setImmediate(() => {
            own.push('welcome sent');
            socket.send(
              JSON.stringify({
                type: 'welcome',
                data: { heartbeat: { interval_ms: 60_000, timeout_ms: 60_000 } },
              }),
            );
          });
      };
      await plain({ handleProtocols: () => 'parlor.v1' }, serve, (url) =>
        client(
          url,
          `parlor.chat('hall', 'first'); parlor.join('hall');
          return new Promise((resolve) => { parlor.onend = resolve; });`,
        ),
      );
      expect(heard).toEqual([[], ['welcome sent', 'join', 'chat']]);
    });
  });
});
