import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { checks } from '#conformance/checks/index.js';
import { catalog } from '#conformance/cli/catalog.js';
import { CHROMIUM } from '../../test/chromium.js';
import { conversationPage } from './conversations.js';
import { interopPage } from './interop.js';
import { deadLinks } from './links.js';
import { messagePages } from './messages.js';
import { mutantsPage } from './mutants.js';
import { writePages } from './pages.js';
import { asWritten } from './sources.js';
import { specPages } from './spec.js';
import { registriesPage, rulesPage, vectorsPage } from './tables.js';
import { widePages } from './widths.js';

// npm run docs [-- --pages]: writes the generated pages, the API reference and the site; needs no network.
const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '');
const rules = await asWritten(await catalog(), checks);
const pages = [
  ...specPages(root, rules),
  ...messagePages(root),
  conversationPage(root),
  registriesPage(),
  rulesPage(rules),
  mutantsPage(root, rules),
  interopPage(root),
  vectorsPage(root),
];
writePages(`${root}/docs`, pages);
// Shipped as it is: bundling three megabytes that are minified already takes longer than all else.
copyFileSync(
  `${root}/node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js`,
  `${root}/docs/public/mermaid.js`,
);
console.log(`wrote ${pages.length} generated pages`);

const entries = ['schemas', 'reference-server', 'reference-client', 'conformance']
  .map((area) => `${root}/${area}/index.ts`)
  .filter((file) => existsSync(file));
if (!process.argv.includes('--pages')) {
  const warned = [
    ...run('node_modules/typedoc/bin/typedoc', ['--options', 'docs/typedoc.json', ...entries]),
    ...run('node_modules/vitepress/bin/vitepress.js', ['build', 'docs']),
  ];
  const site = `${root}/docs/.vitepress/dist`;
  const dead = deadLinks(site);
  const measured = existsSync(CHROMIUM);
  const wide = measured ? await widePages(site) : [];
  for (const line of [...warned, ...dead, ...wide]) console.error(line);
  const widths = measured ? `${wide.length} pages wider than a phone` : 'widths not measured';
  console.log(`${warned.length} warnings, ${dead.length} dead links, ${widths}`);
  if (warned.length + dead.length + wide.length > 0) process.exitCode = 1;
}

/** Runs a tool, shows its output, and returns the lines that warn; a tool that fails is one of them. */
function run(bin: string, args: readonly string[]): string[] {
  const { status, stdout, stderr } = spawnSync(process.execPath, [`${root}/${bin}`, ...args], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  const output = `${stdout}${stderr}`;
  process.stdout.write(output);
  const warned = output.split('\n').filter((line) => /\bwarn(ing)?\b|\(!\)/i.test(line));
  return status === 0 ? warned : [...warned, `${bin} failed with status ${status}`];
}
