import { build } from 'esbuild';

// A server in one file starts in half the processor time, and a run of the suite starts some forty of them. What only a
// cluster needs stays in files of its own.
await build({
  entryPoints: ['reference-server/main.ts'],
  outdir: 'dist/reference-server/bundle',
  splitting: true,
  bundle: true,
  minify: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  conditions: ['source'],
  // Packages in CommonJS ask for `require`.
  banner: {
    js: "import { createRequire as __require } from 'node:module'; const require = __require(import.meta.url);",
  },
});
