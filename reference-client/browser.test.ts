import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect as connectRaw, mint, type Started, start } from '#server/fixtures/client.js';
import { claimed } from '../scripts/docs/claims.js';
import { CHROMIUM, startChromium } from '../test/chromium.js';
import { type FaultyLine, startLine } from './fixtures/proxy.js';

/** The client as one file, as a page loads it. */
async function bundle(): Promise<{ script: string; sources: string[] }> {
  const { outputFiles, metafile } = await build({
    entryPoints: [fileURLToPath(new URL('index.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    absWorkingDir: fileURLToPath(new URL('..', import.meta.url)),
    write: false,
    metafile: true,
  });
  return { script: outputFiles[0]?.text ?? '', sources: Object.keys(metafile.inputs) };
}

describe('the client', () => {
  it('is made of nothing but its own files, so that a browser can load them as they are', async () => {
    const { sources } = await bundle();
    expect(sources.filter((source) => !source.startsWith('reference-client/'))).toEqual([]);
  });
});

describe.skipIf(!existsSync(CHROMIUM))('in a real browser', () => {
  let browser: Browser;
  let page: Page;
  let site: Server;
  let started: Started;
  let line: FaultyLine;

  beforeAll(async () => {
    const { script } = await bundle();
    site = createServer(({ url }, response) => {
      const answers: Record<string, [string, string]> = {
        '/client.js': ['text/javascript', script],
        '/token': ['text/plain', mint('guide')],
      };
      const [type, body] = answers[url ?? ''] ?? ['text/html', '<title>client</title>'];
      response.setHeader('Content-Type', type);
      response.end(body);
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
    started = await start({
      allowedOrigins: [origin],
      rates: [],
      heartbeat: { interval_ms: 200, timeout_ms: 200 },
    });
    line = await startLine(started.port);
    browser = await startChromium();
    page = await browser.newPage();
    await page.goto(origin);
  });
  afterAll(async () => {
    await browser.close();
    await line.close();
    await started.server.stop();
    site.close();
  });

  /** Puts a client into the page as `parlor`, with what it tells in `seen`. */
  const open = (user: string, room: string) =>
    page.evaluate(`(async () => {
      const { connect } = await import('/client.js');
      globalThis.seen = [];
      globalThis.parlor = connect({
        url: 'ws://127.0.0.1:${line.port}/ws',
        token: async () => '${mint(user)}',
        random: () => 0.001,
      });
      for (const name of ['chat', 'joined', 'missing', 'disconnected', 'binary', 'end'])
        parlor.on(name, (event) => seen.push({ name, ...event }));
      await parlor.join('${room}');
    })()`);

  /** What the page was told, once it was told so many events of a name. */
  async function told(name: string, count: number): Promise<Record<string, unknown>[]> {
    await page.waitForFunction(`seen.filter((each) => each.name === '${name}').length >= ${count}`);
    return page.evaluate(`seen.filter((each) => each.name === '${name}')`);
  }

  it('connects, is cut off, reconnects, and gets what it missed', async () => {
    await open('ann', 'hall');
    const bob = await connectRaw(started.port, 'bob');
    await bob.request({ type: 'join', id: 'j1', room: 'hall' });
    const say = (text: string) =>
      bob.request({ type: 'chat', id: `c-${text}`, room: 'hall', data: { text } });
    await say('before');
    await told('chat', 1);
    line.refuse(true);
    line.cut();
    await told('disconnected', 1);
    await say('missed');
    await page.evaluate(`void parlor.chat('hall', 'queued')`);
    line.refuse(false);
    const said = await told('chat', 3);
    expect(said.map(({ data }) => (data as { text: string }).text)).toEqual([
      'before',
      'missed',
      'queued',
    ]);
    expect(await told('missing', 0)).toEqual([]);
    const bytes = await page.evaluate(`(async () => {
      const { status } = await parlor.sendBinary('hall', new Uint8Array([1, 2, 255]));
      return status;
    })()`);
    expect(bytes).toBe('accepted');
    const [binary] = await told('binary', 1);
    expect(Object.values(binary?.['payload'] as object)).toEqual([1, 2, 255]);
    await page.evaluate('parlor.close()');
    expect(await told('end', 1)).toMatchObject([{ code: 1000 }]);
  });

  it.each(
    claimed(fileURLToPath(new URL('..', import.meta.url)), 'client').map(
      (block) => [`${block.file}:${block.line}`, block.text] as const,
    ),
  )('does what the guide shows: %s', async (_, text) => {
    // Only where the client, the server and the tokens are is the page's own.
    const script = text
      .replace("'parlor/client'", "'/client.js'")
      .replace(/wss:[^']*/, `ws://127.0.0.1:${line.port}/ws`);
    expect(script).toContain("fetch('/token')");
    await page.evaluate(`(async () => {
      for (const name of ['show', 'showGap', 'showLogin'])
        globalThis[name] = (...args) => shown.push([name, ...args]);
      globalThis.shown = [];
      globalThis.list = document.createElement('ul');
      const { parlor } = await import(URL.createObjectURL(new Blob(
        [${JSON.stringify(script)}.replace("'/client.js'", "'" + location.origin + "/client.js'") + '; export { parlor };'],
        { type: 'text/javascript' },
      )));
      globalThis.parlor = parlor;
    })()`);
    const bob = await connectRaw(started.port, 'bob');
    await bob.request({ type: 'join', id: 'j1', room: 'lounge' });
    const data = { text: '<b>hi</b>' };
    // The server knows the id of an earlier one again.
    await bob.request({ type: 'chat', id: `c${text.length}`, room: 'lounge', data });
    await page.waitForFunction(
      `shown.some((each) => each.join() === 'show,lounge,bob,<b>hi</b>') || list.textContent === 'bob: <b>hi</b>'`,
    );
    await page.evaluate('parlor.close()');
  });

  it('gives a dead line up, which the browser itself does not notice', async () => {
    await open('ann', 'attic');
    line.freeze();
    expect((await told('disconnected', 1))[0]).toMatchObject({ code: 4201 });
    await told('joined', 2);
    await page.evaluate('parlor.close()');
  });
});
