import standalone from 'ajv/dist/standalone/index.js';
import type { Plugin } from 'esbuild';
import { compiler, ids } from '#schemas/validators.js';

/** Puts the schemas of what clients send into the bundle as code: no server compiles them again. */
export const validators: Plugin = {
  name: 'validators',
  setup(build) {
    build.onLoad({ filter: /[\\/]schemas[\\/]validators\.ts$/ }, () => ({
      loader: 'js',
      resolveDir: process.cwd(),
      contents: source(),
    }));
  },
};

function source(): string {
  const ajv = compiler({ source: true, esm: true });
  const clients = [...ids].filter(([name]) => name.endsWith('.client'));
  const exported = Object.fromEntries(clients.map(([, id], index) => [`v${index}`, id]));
  const table = clients.map(([name], index) => `${JSON.stringify(name)}: v${index}`);
  return `${standalone.default(ajv, exported)}
    const table = { __proto__: null, ${table.join(', ')} };
    export const validator = (name) => table[name];`;
}
