import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, chromium } from 'playwright-core';

/** Where Chromium is; scripts/setup installs it there. */
export const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts a browser that asks for nothing by itself. */
export const startChromium = (): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM, args });

/** The checker of accessibility, as a script for a page. */
export const axe = (): string =>
  readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
