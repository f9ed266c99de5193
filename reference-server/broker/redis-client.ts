import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { scripts } from './redis-scripts.js';

/** One connection, or one to each node of a cluster. */
export type Client = Redis | Cluster;

const RETRY = { leastMs: 50, mostMs: 1_000 };
const CLUSTER = 'redis+cluster:';

// Commands have the deadlines of the link, which know of a busy loop; the handshake has none of them. It may take so
// many times as long: the answer to it may have come, and this process may be too busy to read it.
const HANDSHAKE = 10;

/** Whether a URL names the nodes of a Redis Cluster. */
export function isCluster(url: string): boolean {
  return url.startsWith(CLUSTER);
}

/** A client that never queues: what cannot be sent now fails now. */
export function createClient(url: string, deadlineMs: number): Client {
  return isCluster(url) ? cluster(url, deadlineMs) : single(url, deadlineMs);
}

function options(deadlineMs: number) {
  return {
    connectTimeout: deadlineMs,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    keepAlive: 5_000,
    disableClientInfo: true,
  } satisfies RedisOptions;
}

function backoff(attempt: number): number {
  const delay = Math.min(RETRY.mostMs, RETRY.leastMs * 2 ** Math.min(attempt, 5));
  return delay * (0.75 + Math.random() / 2);
}

function single(url: string, deadlineMs: number): Redis {
  const client = new Redis(url, {
    ...options(deadlineMs),
    scripts: { ...scripts },
    enableOfflineQueue: false,
    lazyConnect: true,
    retryStrategy: backoff,
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  });
  let late: NodeJS.Timeout | undefined;
  client.on('connect', () => {
    late = setTimeout(() => client.disconnect(true), HANDSHAKE * deadlineMs).unref();
  });
  for (const end of ['ready', 'close']) client.on(end, () => clearTimeout(late));
  return client;
}

function cluster(url: string, deadlineMs: number): Cluster {
  const [, auth = '', nodes = ''] = /^redis\+cluster:\/\/(?:([^@]*)@)?([^/]*)/.exec(url) ?? [];
  const [username = '', password = ''] = auth.split(':').map(decodeURIComponent);
  return new Cluster(
    nodes.split(',').map((it) => `redis://${it}`),
    {
      scripts: { ...scripts },
      enableOfflineQueue: false,
      lazyConnect: true,
      shardedSubscribers: true,
      clusterRetryStrategy: backoff,
      clusterNodeRetryStrategy: backoff,
      retryDelayOnFailover: 50,
      maxRedirections: 4,
      redisOptions: {
        ...options(deadlineMs),
        // Longer than any deadline of the link: it is for the handshake alone.
        commandTimeout: HANDSHAKE * deadlineMs,
        ...(password ? { password } : {}),
        ...(username ? { username } : {}),
      },
    },
  );
}
