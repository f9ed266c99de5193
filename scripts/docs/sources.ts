import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { SourceMap } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import type { ListedRule } from '#conformance/cli/catalog.js';
import type { Check } from '#conformance/harness/check.js';

/** The rules, with the checks' sources as they were written: what runs has lost its comments and its line breaks. */
export async function asWritten(
  rules: readonly ListedRule[],
  checks: readonly Pick<Check, 'id' | 'run'>[],
): Promise<ListedRule[]> {
  const places = await placesOf(checks.map(({ run }) => run));
  const sources = new Map(checks.map(({ id }, i) => [id, textAt(places[i], id)]));
  return rules.map((rule) => ({
    ...rule,
    checks: rule.checks.map((each) => ({ ...each, source: sources.get(each.id) ?? each.source })),
  }));
}

/** Where a function begins: a file, and line and column from 0. */
interface Place {
  file: string;
  line: number;
  column: number;
}

// Only the debugger knows where a function came from, however many hands it went through.
async function placesOf(functions: readonly unknown[]): Promise<(Place | undefined)[]> {
  const session = new Session();
  session.connect();
  const scripts = new Map<string, Script>();
  session.on('Debugger.scriptParsed', ({ params: { scriptId, url, sourceMapURL = '' } }) => {
    scripts.set(scriptId, { path: url.replace(/^file:.*/, fileURLToPath), map: sourceMapURL });
  });
  const held = globalThis as { functionsToPlace?: readonly unknown[] };
  held.functionsToPlace = functions;
  try {
    await session.post('Debugger.enable');
    const places: (Place | undefined)[] = [];
    for (const i of functions.keys()) {
      const expression = `globalThis.functionsToPlace[${i}]`;
      const { result } = await session.post('Runtime.evaluate', { expression });
      const { internalProperties = [] } = await session.post('Runtime.getProperties', {
        objectId: result.objectId ?? '',
        ownProperties: true,
      });
      const found = internalProperties.find(({ name }) => name === '[[FunctionLocation]]');
      const { scriptId, lineNumber, columnNumber } = found?.value?.value ?? {};
      places.push(written(scripts.get(scriptId), lineNumber, columnNumber));
    }
    return places;
  } finally {
    delete held.functionsToPlace;
    session.disconnect();
  }
}

interface Script {
  path: string;
  /** The map from what runs to what was written, as a `data:` URL. */
  map: string;
}

const maps = new Map<string, SourceMap>();

function written(script: Script | undefined, line: number, column: number): Place | undefined {
  const [, encoded] = /^data:application\/json[^,]*;base64,(.*)$/s.exec(script?.map ?? '') ?? [];
  if (!script || encoded === undefined) return undefined;
  const map =
    maps.get(script.path) ?? new SourceMap(JSON.parse(Buffer.from(encoded, 'base64').toString()));
  maps.set(script.path, map);
  // One further: a parenthesis before a parameter has no place of its own in a map.
  const entry = map.findEntry(line, column + 1);
  if (!('originalSource' in entry)) return undefined;
  const file = resolve(dirname(script.path), entry.originalSource);
  return { file, line: entry.originalLine, column: entry.originalColumn };
}

interface Read {
  file: ts.SourceFile;
  /** Each node after those around it. */
  nodes: ts.Node[];
}

const files = new Map<string, Read>();

function fileAt(path: string): Read {
  const known = files.get(path);
  if (known) return known;
  const text = readFileSync(path, 'utf8');
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const nodes: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    nodes.push(node);
    ts.forEachChild(node, visit);
  };
  visit(file);
  files.set(path, { file, nodes });
  return { file, nodes };
}

// What `check` was given; where a table or a loop gave it, the smallest function around the place.
function textAt(place: Place | undefined, id: string): string | undefined {
  if (!place) return undefined;
  const { file, nodes } = fileAt(place.file);
  const at = file.getPositionOfLineAndCharacter(place.line, place.column);
  const node =
    nodes.flatMap((each) => givenFor(each, id) ?? [])[0] ??
    nodes.findLast((each) => ts.isFunctionLike(each) && each.getStart() <= at && at < each.end);
  if (!node) return undefined;
  const { line } = file.getLineAndCharacterOfPosition(node.getStart());
  const start = file.getPositionOfLineAndCharacter(line, 0);
  const [indent = ''] = /^ */.exec(file.text.slice(start)) ?? [];
  return node.getText().replaceAll(`\n${indent}`, '\n');
}

// The second argument of a `check(rule, …)` that makes the check of this id, where it stands there in full.
function givenFor(node: ts.Node, id: string): ts.Node | undefined {
  if (!ts.isCallExpression(node) || node.expression.getText() !== 'check') return undefined;
  const [rule, run, options] = node.arguments;
  if (!(rule && run && ts.isStringLiteral(rule))) return undefined;
  if (!(ts.isCallExpression(run) || ts.isFunctionLike(run))) return undefined;
  const said = options?.getText() ?? '';
  const variant = /\bvariant: '([^']+)'/.exec(said)?.[1];
  if (variant === undefined && /\bvariant\b/.test(said)) return undefined;
  return id === (variant === undefined ? rule.text : `${rule.text}/${variant}`) ? run : undefined;
}
