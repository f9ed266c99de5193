import { OptionError } from './options.js';
import { serve } from './serve.js';
import type { Signal } from './shutdown.js';

const USAGE = 64;
const FAILURE = 1;

async function main(): Promise<void> {
  try {
    const { server, url, token, flush } = await serve(process.env);
    console.error(`Parlor listens on ${url}`);
    if (token) console.error(`A token for the user ann, for a day:\n${token}`);
    const obey = (signal: Signal) => {
      const order = server.onSignal(signal);
      if (order === 'ignore') return;
      if (order === 'end') process.exit(FAILURE);
      server.drain(order).then(
        () => {
          flush();
          process.exit(server.status);
        },
        (error: unknown) => {
          console.error(error);
          process.exit(FAILURE);
        },
      );
    };
    process.on('SIGTERM', () => obey('SIGTERM'));
    process.on('SIGINT', () => obey('SIGINT'));
  } catch (error) {
    const known = error instanceof OptionError || (error as { syscall?: string }).syscall;
    console.error(known ? (error as Error).message : error);
    process.exitCode = error instanceof OptionError ? USAGE : FAILURE;
  }
}

void main();
