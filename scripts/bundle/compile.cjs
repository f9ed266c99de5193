// Keeps the compiled code of a server that has come up, beside its bundle.
const { writeFileSync } = require('node:fs');
const { resolve } = require('node:path');

const dir = resolve(process.argv[2]);

// The server says on stderr that it listens; by then all that a start takes has been compiled.
const say = console.error;
console.error = (line) => {
  if (!String(line).startsWith('Parlor listens')) say(line);
  else
    setImmediate(() => {
      writeFileSync(`${dir}/main.compiled`, require(`${dir}/start.cjs`).createCachedData());
      process.exit();
    });
};

require(`${dir}/start.cjs`);
