import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

// Who may import whom. An area is the longest prefix that matches; its own files are always allowed.
const allowed: Record<string, readonly string[]> = {
  schemas: ['#schemas/'],
  'reference-server': ['#schemas/', '#package.json'],
  'reference-client': ['#schemas/'],
  'conformance/harness': ['#schemas/', '#spec/', '#package.json'],
  'conformance/checks': ['#conformance/harness/'],
  'conformance/properties': ['#conformance/harness/', '#conformance/nearest.js', '#schemas/'],
  'conformance/selftest': ['#conformance/harness/'],
  'conformance/mutants': ['#conformance/', '#server/', '#schemas/'],
  'conformance/reports': ['#conformance/harness/', '#package.json'],
  conformance: ['#conformance/', '#server/', '#client/', '#schemas/', '#spec/', '#package.json'],
};

const IMPORT = /(?:from\s+|import\s*\(\s*|import\s+|require\s*\(\s*)'(#[^']+|\.[^']*)'/g;

function crossings(): string[] {
  const found: string[] = [];
  const areas = Object.keys(allowed).sort((a, b) => b.length - a.length);
  for (const file of sources()) {
    const area = areas.find((each) => file.startsWith(`${each}/`));
    // A test may look over the fence: it compares two sides.
    if (!area || file.endsWith('.test.ts')) continue;
    for (const [, specifier = ''] of readFileSync(`${root}/${file}`, 'utf8').matchAll(IMPORT)) {
      const inside =
        specifier.startsWith('.') &&
        !specifier.startsWith('../../') &&
        staysInside(file, specifier, area);
      const named = allowed[area]?.some((prefix) => specifier.startsWith(prefix)) ?? false;
      if (!inside && !named) found.push(`${file} imports ${specifier}`);
    }
  }
  return found;
}

function sources(): string[] {
  return ['schemas', 'reference-server', 'reference-client', 'conformance']
    .filter((folder) => existsSync(`${root}/${folder}`))
    .flatMap((folder) =>
      readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' }).map(
        (name) => `${folder}/${name}`,
      ),
    )
    .filter((file) => file.endsWith('.ts'));
}

function staysInside(file: string, specifier: string, area: string): boolean {
  const target = new URL(specifier, `file:///${file}`).pathname.slice(1);
  return target.startsWith(`${area}/`);
}

describe('import boundaries', () => {
  it('are kept: checks never see the reference server', () => {
    expect(crossings()).toEqual([]);
  });
});
