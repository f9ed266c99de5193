import { SignJWT } from 'jose';
import { destination, pino } from 'pino';
import { type Environment, readEnvironment, type Settings } from './environment.js';
import { loginHandler } from './login.js';
import { logs } from './logs.js';
import type { ServerOptions } from './options.js';
import { createServer, type ParlorServer } from './server.js';

/** A server that listens, as the environment asked for it. */
export interface Served {
  readonly server: ParlorServer;
  readonly settings: Settings;
  /** Writes out what the log still holds. */
  readonly flush: () => void;
  /** The WebSocket endpoint. */
  readonly url: string;
  /** A token to try the server with; only where the development secret is in use. */
  readonly token: string | null;
}

const DAY_S = 86_400;

/** Starts a server by the test contract's environment variables; wrong ones are told by an `OptionError`. */
export async function serve(env: Environment): Promise<Served> {
  const settings = readEnvironment(env);
  const { options, host } = settings;
  const log = createLog(settings.log);
  const shared = await share(settings, log.options.log);
  const sessions = shared?.sessions ?? options.sessions;
  const handlers = sessions
    ? [
        loginHandler({
          store: sessions,
          open: settings.openLogin,
          allowedOrigins: options.allowedOrigins ?? [],
          revoke: (value) => server.revokeSession(value),
        }),
      ]
    : [];
  const server: ParlorServer = await createServer({
    ...options,
    ...shared,
    handlers,
    ...log.options,
  });
  const port = await server.listen(settings.port, host);
  const { developmentSecret } = settings;
  return {
    server,
    flush: log.flush,
    settings,
    url: `ws://${host.includes(':') ? `[${host}]` : host}:${port}${server.config.path}`,
    token: developmentSecret && (await developmentToken(developmentSecret, settings)),
  };
}

/** What instances share, where there are several; a single one does not load the client library. */
async function share(settings: Settings, log: ServerOptions['log']) {
  if (settings.redisUrl === null) return null;
  const { shareOverRedis } = await import('./broker/share.js');
  return shareOverRedis(settings, settings.redisUrl, log);
}

// A log that nobody reads must neither stop the server nor fill its memory: above this it loses lines.
const MOST_BYTES = 16_777_216;

function createLog(where: string) {
  if (where === 'off') return { options: {}, flush: () => undefined };
  const dest = where === 'stdout' ? 1 : where === 'stderr' ? 2 : where;
  const file = destination({ dest, sync: false, maxLength: MOST_BYTES });
  const logger = pino(
    { base: null, timestamp: false },
    { write: (line) => file.write(logs.written(line)) },
  );
  return {
    options: { log: (event: Readonly<Record<string, unknown>>) => logger.info(event) },
    flush: () => file.flushSync(),
  };
}

function developmentToken(secret: string, { options }: Settings): Promise<string> {
  const { issuer, audience } = options.tokens ?? {};
  const jwt = new SignJWT({ scope: 'parlor:broadcast' })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('ann')
    .setExpirationTime(Math.floor(Date.now() / 1_000) + DAY_S);
  if (issuer) jwt.setIssuer(issuer);
  if (audience) jwt.setAudience(audience);
  return jwt.sign(new TextEncoder().encode(secret));
}
