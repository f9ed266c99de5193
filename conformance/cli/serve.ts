import { messageOf, UsageError } from '#conformance/harness/verdict.js';
import type { Io } from './io.js';

/**
 * `parlor serve`: the reference server, until a signal comes.
 *
 * @returns the status of the process that the server asks for
 * @throws UsageError for settings that the server does not accept, or a port that is taken
 */
export async function serve(options: { port?: string; host?: string }, io: Io): Promise<number> {
  const { OptionError, serve: start } = await import('#server/index.js');
  const { port, host } = options;
  const env = {
    ...io.env,
    ...(port === undefined ? {} : { PORT: port }),
    ...(host === undefined ? {} : { HOST: host }),
  };
  const served = await start(env).catch((error: unknown) => {
    // An address that is taken or not ours is the caller's to mend, like a wrong option.
    const mistaken =
      error instanceof OptionError || (error as { syscall?: unknown }).syscall !== undefined;
    throw mistaken ? new UsageError(messageOf(error)) : error;
  });
  io.stderr(`Parlor listens on ${served.url}\n`);
  if (served.token !== null) io.stderr(`A token for the user ann, for a day:\n${served.token}\n`);
  await new Promise<void>((resolve) => {
    if (io.signal.aborted) resolve();
    io.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await served.server.drain('shutdown');
  served.flush();
  return served.server.status;
}
