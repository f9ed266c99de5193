// Starts the bundled server from compiled code where it is at hand and of this Node, else from its source.
const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');

const filename = require.resolve('./main.cjs');

function compiled() {
  try {
    return readFileSync(`${__dirname}/main.compiled`);
  } catch {
    return undefined; // It only saves time.
  }
}

const script = new Script(readFileSync(filename, 'utf8'), { filename, cachedData: compiled() });
script.runInThisContext()(require, filename);

module.exports = script;
