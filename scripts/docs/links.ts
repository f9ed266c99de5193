import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Links of a built site that lead to no file or to no anchor in it, as sentences. */
export function deadLinks(site: string): string[] {
  const files = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.html'),
  );
  const pages = new Map(files.map((name) => [name, readFileSync(join(site, name), 'utf8')]));
  const anchors = new Map([...pages].map(([name, html]) => [name, anchorsOf(html)]));
  return [...pages].flatMap(([name, html]) =>
    [...new Set([...html.matchAll(/ (?:href|src)="([^"]*)"/g)].map(([, link = '']) => link))]
      .filter((link) => !/^[a-z]+:|^\/\//.test(link))
      .flatMap((link) => {
        const [path = '', hash] = decode(link).split('#');
        const target = path === '' ? name : resolve(name, path);
        if (!existsSync(join(site, target))) return [`dead link in ${name}: ${link}`];
        if (!hash || !target.endsWith('.html')) return [];
        return anchors.get(target)?.has(hash) ? [] : [`dead anchor in ${name}: ${link}`];
      }),
  );
}

function anchorsOf(html: string): Set<string> {
  return new Set([...html.matchAll(/ id="([^"]*)"/g)].map(([, id = '']) => id));
}

function resolve(page: string, path: string): string {
  const target = path.startsWith('/') ? path.slice(1) : join(dirname(page), path);
  return target === '' || target === '.' || target.endsWith('/')
    ? join(target, 'index.html')
    : target;
}

function decode(link: string): string {
  return decodeURIComponent(link.replaceAll('&amp;', '&'));
}
