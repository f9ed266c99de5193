/** One requirement as the chapters state it. */
export interface Requirement {
  level: 'must' | 'should' | 'may';
  /** The normative sentence, as Markdown. */
  text: string;
  chapter: string;
  profile: Profile;
}

/** Chapters in reading order; a rule's id begins with its chapter's name. */
export const chapters = [
  'handshake',
  'transport',
  'authentication',
  'sessions',
  'messages',
  'errors',
  'closes',
  'limits',
  'heartbeat',
  'rates',
  'rooms',
  'chat',
  'typing',
  'direct',
  'broadcast',
  'binary',
  'resume',
  'backpressure',
  'shutdown',
  'operations',
  'logs',
  'cluster',
  'clients',
  'security',
] as const;

/** The profiles that a chapter's `Profile:` line may name. */
export const profiles = [
  'core',
  'session',
  'auth_refresh',
  'auth_message',
  'direct',
  'broadcast',
  'binary',
  'resume',
  'operations',
  'cluster',
  'logs',
  'transport',
  'client',
] as const;

export type Profile = (typeof profiles)[number];

const KEYWORD =
  /\b(MUST NOT|MUST|SHOULD NOT|SHOULD|SHALL NOT|SHALL|MAY|REQUIRED|RECOMMENDED|OPTIONAL)\b/g;
const ID = /^[a-z0-9]+(-[a-z0-9]+)+$/;

/** A mistake in a chapter, with the place it stands at. */
export class SpecError extends Error {}

/**
 * Reads the requirements out of one chapter.
 *
 * @throws SpecError where a heading, its sentence or a keyword breaks the law of spec/README.md
 */
export function readChapter(chapter: string, markdown: string): Map<string, Requirement> {
  const found = new Map<string, Requirement>();
  const blocks = splitBlocks(markdown);
  let profile: Profile | undefined;
  for (let i = 0; i < blocks.length; i += 1) {
    const block = blocks[i];
    if (!block) continue;
    const at = `spec/${chapter}.md:${block.line}`;
    const named = /^Profile: `([a-z_]+)`$/.exec(block.text);
    if (named) {
      profile = profiles.find((each) => each === named[1]);
      if (!profile)
        throw new SpecError(
          `${at}: no profile is called '${named[1]}'; they are ${profiles.join(', ')}`,
        );
      continue;
    }
    const heading = /^#### (.*)$/.exec(block.text);
    if (!heading) {
      refuseKeyword(block, at);
      continue;
    }
    const id = heading[1] ?? '';
    const next = blocks[i + 1];
    const sentence =
      next && !next.code && !next.text.startsWith('#') ? next.text.replace(/\s*\n\s*/g, ' ') : '';
    if (!ID.test(id) || id.length > 60)
      throw new SpecError(
        `${at}: '${id}' is no id: lower-case words joined by '-', at most 60 characters`,
      );
    if (!id.startsWith(`${chapter}-`))
      throw new SpecError(
        `${at}: '${id}' has a foreign prefix; it has to begin with '${chapter}-'`,
      );
    if (found.has(id)) throw new SpecError(`${at}: '${id}' is used twice`);
    if (!profile)
      throw new SpecError(`${at}: '${id}' comes before the chapter's line "Profile: \`…\`"`);
    found.set(id, { level: levelOf(sentence, id, at), text: sentence, chapter, profile });
    i += 1;
  }
  return found;
}

/**
 * Joins the chapters into one table, in reading order.
 *
 * @throws SpecError where an id is reused, also one that is a tombstone
 */
export function collect(
  sources: ReadonlyMap<string, string>,
  tombstones: ReadonlySet<string> = new Set(),
): Record<string, Requirement> {
  const all: Record<string, Requirement> = {};
  for (const [chapter, markdown] of sources) {
    for (const [id, requirement] of readChapter(chapter, markdown)) {
      if (tombstones.has(id))
        throw new SpecError(
          `spec/${chapter}.md: '${id}' is a tombstone; a retired id is never used again`,
        );
      all[id] = requirement;
    }
  }
  return all;
}

/** The retired ids that spec/README.md lists under `## Tombstones`, one `- \`id\`` a line. */
export function readTombstones(readme: string): Set<string> {
  const section = readme.split(/^## Tombstones\s*$/m)[1]?.split(/^## /m)[0] ?? '';
  return new Set([...section.matchAll(/^- `([a-z0-9-]+)`/gm)].map((match) => match[1] ?? ''));
}

function levelOf(sentence: string, id: string, at: string): Requirement['level'] {
  const keywords = [...sentence.matchAll(KEYWORD)].map((match) => match[0]);
  if (keywords.length !== 1) {
    throw new SpecError(
      `${at}: '${id}' needs one sentence with exactly one keyword, this one has ${keywords.length} (${keywords.join(', ') || 'none'})`,
    );
  }
  if (!/\.$/.test(sentence) || /[.!?]\s+[A-Z]/.test(sentence.replace(/`[^`]*`/g, '``'))) {
    throw new SpecError(`${at}: '${id}' needs one sentence that ends with a full stop`);
  }
  if (keywords[0] === 'MUST' || keywords[0] === 'MUST NOT') return 'must';
  if (keywords[0] === 'SHOULD' || keywords[0] === 'SHOULD NOT') return 'should';
  if (keywords[0] === 'MAY') return 'may';
  throw new SpecError(
    `${at}: '${id}' uses ${keywords[0]}; the keywords are MUST, SHOULD, MAY and their negations`,
  );
}

function refuseKeyword(block: Block, at: string): void {
  const stray = block.code ? undefined : block.text.replace(/`[^`]*`/g, '').match(KEYWORD)?.[0];
  if (stray)
    throw new SpecError(
      `${at}: ${stray} stands outside a rule; a sentence with a keyword needs an id`,
    );
}

interface Block {
  text: string;
  line: number;
  code: boolean;
}

// Paragraphs, headings and fenced blocks: all that the law speaks of.
function splitBlocks(markdown: string): Block[] {
  const blocks: Block[] = [];
  let current: Block | undefined;
  let fenced = false;
  for (const [index, line] of markdown.split('\n').entries()) {
    const fence = /^\s*```/.test(line);
    const ends = !fenced && (line.trim() === '' || fence || line.startsWith('#'));
    if (ends) current = undefined;
    if (fence) fenced = !fenced;
    if (!fenced && !fence && line.trim() === '') continue;
    if (!current) {
      current = { text: line, line: index + 1, code: fence };
      blocks.push(current);
    } else current.text += `\n${line}`;
    if ((fence && !fenced) || (!fenced && line.startsWith('#'))) current = undefined;
  }
  return blocks;
}
