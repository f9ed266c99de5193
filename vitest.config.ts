import { configDefaults, defineConfig } from 'vitest/config';

// Sources are run as they stand: the `source` condition maps `#…` imports to the .ts files.
const conditions = ['source', 'node', 'import', 'module', 'default'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: [
      '{schemas,reference-server,reference-client,conformance,scripts,test,bench}/**/*.test.ts',
    ],
    // Minutes of conversations: npm run test:state.
    exclude: process.env['PARLOR_TEST_STATE']
      ? configDefaults.exclude
      : [...configDefaults.exclude, 'conformance/mutants/state.test.ts'],
    pool: 'forks',
    isolate: false,
    // Most tests wait for servers, browsers and clocks more than they compute.
    maxWorkers: 4,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: [
      'default',
      './test/missing.ts',
      ...(process.env['CI'] ? ['./test/closing-line.ts'] : []),
    ],
  },
});
