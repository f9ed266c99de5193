import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type DefaultTheme, defineConfig } from 'vitepress';
import { chapters } from '../../scripts/requirements.js';

const docs = fileURLToPath(new URL('..', import.meta.url));

/** Menu entries for the pages that exist. */
function entries(...pages: readonly (readonly [text: string, page: string])[]) {
  return pages
    .filter(([, page]) => existsSync(`${docs}${page}.md`))
    .map(([text, page]) => ({ text, link: `/${page}` }));
}

const capitalized = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

function messageEntries(): DefaultTheme.SidebarItem[] {
  const folder = `${docs}reference/messages`;
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => name.replace(/\.md$/, ''))
    .sort()
    .map((name) => ({ text: name, link: `/reference/messages/${name}` }));
}

function apiEntries(): DefaultTheme.SidebarItem[] {
  const file = `${docs}api/typedoc-sidebar.json`;
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
}

const guide: DefaultTheme.SidebarItem[] = [
  {
    text: 'Guide',
    items: entries(
      ['Start here in five minutes', 'start'],
      ['Test your server', 'test-your-server'],
      ['Write a server', 'write-a-server'],
      ['The client', 'client'],
      ['CI gate', 'ci'],
      ['Scaling', 'scaling'],
      ['Security', 'spec/security'],
      ['Decisions', 'decisions'],
    ),
  },
  {
    text: 'From the tutorial to a right server',
    items: entries(
      ['What changes, and why', 'tutorial/index'],
      ['Connections and rooms', 'tutorial/rooms'],
      ['Authentication', 'tutorial/authentication'],
      ['Messages and errors', 'tutorial/messages'],
      ['Heartbeats and rates', 'tutorial/limits'],
      ['Shutdown, metrics, logs', 'tutorial/operations'],
      ['Several instances', 'tutorial/cluster'],
      ['Browser client and tests', 'tutorial/clients'],
    ),
  },
];

const spec: DefaultTheme.SidebarItem[] = [
  {
    text: 'Parlor v1',
    items: [
      { text: 'The specification', link: '/spec/' },
      ...entries(...chapters.map((each) => [capitalized(each), `spec/${each}`] as const)),
    ],
  },
];

const reference: DefaultTheme.SidebarItem[] = [
  {
    text: 'Reference',
    items: [
      ...entries(
        ['Rules', 'reference/rules'],
        ['Registries', 'reference/registries'],
        ['Conversations', 'reference/conversations'],
        ['Vectors', 'reference/vectors'],
        ['Kill matrix', 'reference/mutants'],
        ['Interop', 'reference/interop'],
        ['Messages', 'reference/messages'],
      ),
      { text: 'By type', collapsed: false, items: messageEntries() },
    ],
  },
];

export default defineConfig({
  title: 'Parlor',
  description:
    'Authenticated rooms over WebSocket: a protocol, and a suite that judges any server.',
  lang: 'en',
  srcExclude: ['generated/**'],
  head: [['link', { rel: 'icon', href: '/mark.svg', type: 'image/svg+xml' }]],
  markdown: {
    config(md) {
      // The guides link to the spec where it stands in the repository; the site has it beside them.
      md.core.ruler.push('spec_links', ({ tokens }) => {
        for (const token of tokens.flatMap(({ children }) => children ?? [])) {
          const href = token.attrGet('href');
          if (token.type !== 'link_open' || href === null) continue;
          const page = /^(?:\.\.\/)+spec\/(?<page>.*)$/.exec(href)?.groups?.['page'];
          if (page !== undefined) token.attrSet('href', `/spec/${page.replace(/^README\.md/, '')}`);
        }
      });
      const { fence } = md.renderer.rules;
      md.renderer.rules.fence = (tokens, index, ...rest) => {
        const token = tokens[index];
        if (token?.info.trim() === 'mermaid')
          return `<Sequence source="${encodeURIComponent(token.content)}" />`;
        const block = fence?.(tokens, index, ...rest) ?? '';
        // What is said on the wire comes in long lines, which are to be read without scrolling.
        return /[→←]/.test(token?.content ?? '') ? `<div class="wire">${block}</div>` : block;
      };
    },
  },
  // The largest chunk is the search's index, which is loaded when somebody searches.
  vite: { build: { chunkSizeWarningLimit: 8_000, reportCompressedSize: false } },
  themeConfig: {
    logo: '/mark.svg',
    search: { provider: 'local' },
    outline: { level: [2, 3] },
    notFound: {
      title: 'No such page',
      quote: 'The address may be of another version. The search knows every rule by its id.',
      linkText: 'To the start',
      linkLabel: 'To the start page',
    },
    nav: [
      {
        text: 'Guide',
        link: '/start',
        activeMatch: '^/(start|test-|write-|client|ci|scaling|decisions|tutorial)',
      },
      { text: 'Specification', link: '/spec/', activeMatch: '^/spec/' },
      { text: 'Reference', link: '/reference/rules', activeMatch: '^/reference/' },
      { text: 'API', link: '/api/', activeMatch: '^/api/' },
    ],
    sidebar: {
      '/spec/': spec,
      '/reference/': reference,
      '/api/': [{ text: 'API', items: apiEntries() }],
      '/': guide,
    },
  },
});
