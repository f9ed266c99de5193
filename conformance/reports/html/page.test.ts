import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axe, CHROMIUM, startChromium } from '../../../test/chromium.js';
import { book, explained, hostileReport, report } from '../fixtures/example.js';
import type { Report } from '../report.js';
import { page as render } from './page.js';

describe('the HTML page as text', () => {
  it('asks for nothing from anywhere', () => {
    const html = render(report, book);
    expect(html).not.toMatch(/(src|href)="?(https?:)?\/\//i);
    expect(html).not.toMatch(/@import|url\((?!['"]?data:)/i);
    expect(html).toContain("default-src 'none'");
  });

  it.each([
    [0, 'Conforms'],
    [1, 'Does not conform'],
    [3, 'Undecided'],
    [4, 'Could not be tested'],
  ] as const)('says the verdict of exit code %i first', (exit_code, title) => {
    expect(render({ ...report, exit_code }, book)).toContain(`<h1>${title}</h1>`);
  });

  it('folds what probably follows beneath its cause, in full', () => {
    const html = render(explained, book);
    expect(html).toContain('1 other failure probably follows from this');
    expect(html).toContain('<dt>Why it follows</dt><dd>c1 was not told that c0 is gone</dd>');
    expect(html).not.toContain('id="failure-chat-order-per-sender"');
  });

  it('stays small whatever a server sends', () => {
    expect(render(hostileReport, book).length).toBeLessThan(1_500_000);
  });
});

describe.skipIf(!existsSync(CHROMIUM))('the HTML page in a browser', () => {
  let browser: Browser;
  const folder = mkdtempSync(join(tmpdir(), 'parlor-'));
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true });
  });

  async function open(run: Report, options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> {
    const file = join(folder, 'page.html');
    writeFileSync(file, render(run, book));
    const page = await browser.newPage(options);
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => problems.push(message.text()));
    page.on('request', (request) => {
      if (!/^(file|data):/.test(request.url())) problems.push(request.url());
    });
    await page.goto(pathToFileURL(file).href);
    expect(problems).toEqual([]);
    return page;
  }

  it.each(['light', 'dark'] as const)(
    'has nothing that an accessibility checker objects to, %s',
    async (colorScheme) => {
      const page = await open(explained, { colorScheme });
      await page.evaluate(
        "document.querySelectorAll('details').forEach((each) => { each.open = true; })",
      );
      // Evaluated rather than added as a script: the page's policy admits none.
      await page.evaluate(axe());
      const found = await page.evaluate<{
        violations: { id: string; nodes: { html: string }[] }[];
      }>('axe.run()');
      expect(found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
      await page.close();
    },
  );

  it('fits a phone without scrolling sideways', async () => {
    const page = await open(explained, { viewport: { width: 360, height: 740 } });
    const wider = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
    expect(await page.evaluate(wider)).toBe(0);
    await page.evaluate(
      "document.querySelectorAll('details').forEach((each) => { each.open = true; })",
    );
    expect(await page.evaluate(wider)).toBe(0);
    await page.close();
  });

  it('filters the rules by words, outcome and chapter, by keyboard', async () => {
    const page = await open(report);
    const shown = () => page.locator('.rules > li:visible').count();
    const all = await shown();
    await page.getByRole('searchbox', { name: 'Search' }).focus();
    await page.keyboard.type('stranger');
    expect(await shown()).toBe(1);
    await page.getByRole('searchbox', { name: 'Search' }).fill('');
    await page.getByRole('checkbox', { name: 'passed' }).focus();
    await page.keyboard.press('Space');
    expect(await shown()).toBe(all - 8);
    await page.getByLabel('Chapter').selectOption('chat');
    expect(await shown()).toBe(1);
    expect(await page.locator('.shown').textContent()).toBe(`1 of ${all} rules shown`);
    await page.close();
  });

  it('copies a command', async () => {
    const page = await open(report);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const button = page.getByRole('button', { name: 'Copy the command' }).first();
    await button.press('Enter');
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toMatch(/^parlor test ws:/);
    await page.close();
  });

  it('opens the failure that a rule links to', async () => {
    const page = await open(report);
    await page
      .locator('#rule-limits-text-bytes')
      .getByRole('link', { name: 'What happened' })
      .click();
    // The page hears of the new hash a moment after the click.
    await page.locator('#failure-limits-text-bytes > details[open]').waitFor();
    await page.close();
  });

  it('draws a lane for each client', async () => {
    const page = await open(report);
    const names = page.locator('#failure-rooms-survives-disconnect svg .name');
    expect(await names.allTextContents()).toEqual(['server', 'ann', 'bob', 'eve']);
    await page.close();
  });

  it('is complete without its script', async () => {
    const page = await open(explained, { javaScriptEnabled: false });
    expect(await page.locator('.rules > li:visible').count()).toBe(22);
    expect(await page.locator('form:visible, button:visible').count()).toBe(0);
    await page.close();
  });

  it('shows hostile text as text', async () => {
    const page = await open(hostileReport);
    expect(await page.evaluate('window.pwned')).toBeUndefined();
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.locator('.summary').textContent()).toContain(
      '</script><script>window.pwned = 1</script>',
    );
    await page.close();
  });
});
