import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join, relative, sep } from 'node:path';
import { requirements } from '#conformance/harness/requirements.js';
import type { RuleBook } from '#conformance/reports/broken.js';
import { specFolder } from './package.js';

/** The spec's rules, linked the way they are found from a folder. */
export function bookFrom(folder: string): RuleBook {
  const near = relative(folder, specFolder);
  // Another drive on Windows has no relative path.
  const base = isAbsolute(near) ? specFolder : near || '.';
  return {
    rules: requirements,
    link: (rule) => `${[...base.split(sep), `${chapterOf(rule)}.md`].join('/')}#${rule}`,
    why: rationale,
  };
}

/** The rules as a person in that folder is shown them: short paths, never a ladder of `../..`. */
export function bookFor(folder: string): RuleBook {
  const near = relative(folder, specFolder);
  const base = near.startsWith('..') || isAbsolute(near) ? specFolder : near;
  return { ...bookFrom(folder), link: (rule) => `${join(base, `${chapterOf(rule)}.md`)}#${rule}` };
}

/** What the spec says after a rule's sentence, as Markdown; undefined for a rule that it does not have. */
export function rationale(rule: string): string | undefined {
  const file = join(specFolder, `${chapterOf(rule)}.md`);
  if (!existsSync(file)) return undefined;
  return rationaleIn(readFileSync(file, 'utf8'), rule);
}

/** What follows a rule's sentence in a chapter's text, up to the next heading. */
export function rationaleIn(chapter: string, rule: string): string | undefined {
  const lines = chapter.split('\n');
  const start = lines.findIndex((line) => line.trim() === `#### ${rule}`);
  if (start < 0) return undefined;
  const body: string[] = [];
  let fenced = false;
  for (const line of lines.slice(start + 1)) {
    if (/^\s*```/.test(line)) fenced = !fenced;
    if (!fenced && /^#{1,4} |^Profile: `|^<!-- /.test(line)) break;
    body.push(line);
  }
  const paragraphs = body
    .join('\n')
    .trim()
    .split(/\n\s*\n/);
  return paragraphs.slice(1).join('\n\n').trim();
}

function chapterOf(rule: string): string {
  return requirements[rule]?.chapter ?? rule.split('-')[0] ?? rule;
}
