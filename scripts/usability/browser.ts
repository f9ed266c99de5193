import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { axe } from '../../test/chromium.js';

const OPEN = "for (const each of document.querySelectorAll('details')) each.open = true";
// Entries beyond the first of a list are built like those; the checker takes seconds for each hundred.
const TRIM = `for (const each of document.querySelectorAll(
  '.rules > li:nth-child(n+20), .failure:nth-of-type(n+5), dl > div:nth-child(n+10)')) each.remove()`;
const WIDER = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';

/** How a page is looked at: a scheme of colours and a width in pixels. */
export const views = [
  { colorScheme: 'light', width: 1280 },
  { colorScheme: 'dark', width: 1280 },
  { colorScheme: 'light', width: 390 },
  { colorScheme: 'dark', width: 390 },
] as const;

/** Opens a file and throws what an accessibility checker, the console or a narrow screen has against it. */
export async function look(
  browser: Browser,
  file: string,
  { colorScheme, width }: (typeof views)[number],
): Promise<void> {
  const page = await browser.newPage({ colorScheme, viewport: { width, height: 800 } });
  try {
    const problems: string[] = [];
    page.on('pageerror', ({ message }) => problems.push(message));
    page.on('console', (message) => problems.push(message.text()));
    page.on('request', (request) => {
      if (!/^(file|data):/.test(request.url())) problems.push(request.url());
    });
    await page.goto(pathToFileURL(file).href);
    assert.equal(await page.evaluate(WIDER), 0, 'it scrolls sideways');
    await page.evaluate(OPEN);
    assert.equal(await page.evaluate(WIDER), 0, 'opened, it scrolls sideways');
    await page.evaluate(TRIM);
    // Evaluated rather than added as a script: the page's policy admits none.
    await page.evaluate(axe());
    const { violations } = await page.evaluate<{
      violations: { id: string; nodes: { html: string }[] }[];
    }>('axe.run()');
    assert.deepEqual(
      violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`),
      [],
    );
    assert.deepEqual(problems, []);
  } finally {
    await page.close();
  }
}
