import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

// node --import tsx scripts/asyncapi.ts <file>: what AsyncAPI's own parser reads, as JSON.
const [file = ''] = process.argv.slice(2);
const { document, diagnostics } = await new Parser().parse(readFileSync(file, 'utf8'));
console.log(
  JSON.stringify({
    version: document?.version(),
    messages: document?.allMessages().length,
    operations: document?.allOperations().length,
    diagnostics: diagnostics.map(({ code, message, path }) => ({ code, message, path })),
  }),
);
