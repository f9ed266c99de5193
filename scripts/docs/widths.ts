import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import type { Page } from 'playwright-core';
import { startChromium } from '../../test/chromium.js';

/** The width of a phone, in CSS pixels. */
const PHONE = 390;
const HEIGHT = 844;
const AT_ONCE = 3;

/** The pages of a built site that a phone has to scroll sideways, with their widths; what scrolls in a box of its own is none. */
export async function widePages(site: string): Promise<string[]> {
  const pages = readdirSync(site, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.html'))
    .sort();
  const found: string[] = [];
  // Text and tables stand there before any script; pictures and diagrams have boxes of their own to scroll in.
  const server = createServer(({ url = '' }, response) => {
    const path = join(site, decodeURIComponent(new URL(url, 'http://site').pathname));
    const type = { '.html': 'text/html', '.css': 'text/css' }[extname(path)];
    response.writeHead(type && existsSync(path) ? 200 : 404, { 'Content-Type': type ?? '' });
    if (type && existsSync(path)) createReadStream(path).pipe(response);
    else response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const browser = await startChromium();
  try {
    const context = await browser.newContext({
      viewport: { width: PHONE, height: HEIGHT },
      isMobile: true,
      javaScriptEnabled: false,
    });
    const look = async (page: Page) => {
      for (let name = pages.shift(); name !== undefined; name = pages.shift()) {
        await page.goto(`${origin}/${name}`);
        const width = await page.evaluate<number>('document.documentElement.scrollWidth');
        if (width > PHONE) found.push(`${name} is ${width} pixels wide, a phone ${PHONE}`);
      }
    };
    const tabs = Array.from({ length: AT_ONCE }, () => context.newPage());
    await Promise.all(tabs.map(async (tab) => look(await tab)));
  } finally {
    await browser.close();
    server.close();
  }
  return found.sort();
}
