import { perform } from '#server/perform.js';
import type { Core, Grant } from '#server/state.js';
import type { Claims } from '#server/tokens.js';
import { asked } from './authentication.messages.js';
import { after, disarm, failed, type Refresh } from './authentication.refresh.js';
import { type Mutant, mutant } from './mutant.js';

// What was decided on an `auth`, where the connection brought its first token in a message.
const refreshing = (change: (refresh: Refresh) => void): Mutant['parts'] =>
  asked((right, wasAsked) =>
    after((refresh) => {
      if (wasAsked(refresh.connection)) change(refresh);
      return undefined;
    })(right),
  );

type IsFirst = (core: Core, grant: Grant) => boolean;

// Whether a grant is that of a connection which was to speak first.
const granted = (
  parts: (right: Parameters<Mutant['parts']>[0], isFirst: IsFirst) => ReturnType<Mutant['parts']>,
) =>
  asked((right, wasAsked) =>
    parts(right, ({ connections, awaiting }, grant) =>
      [...awaiting, ...connections.values()].some((each) => each.grant === grant && wasAsked(each)),
    ),
  );

// A server that knows which tokens came in a header.
const inHeader =
  (
    parts: (
      right: Parameters<Mutant['parts']>[0],
      isOf: (grant: Grant) => boolean,
    ) => ReturnType<Mutant['parts']>,
  ): Mutant['parts'] =>
  (right) => {
    const tokens = new Set<string>();
    const claims = new WeakSet<Claims>();
    const grants = new WeakSet<Grant>();
    const { authentication, ...rest } = parts(right, (grant) => grants.has(grant));
    return {
      ...rest,
      authentication: {
        ...authentication,
        grant: (given) => {
          const grant = right.authentication.grant(given);
          if (claims.has(given)) grants.add(grant);
          return grant;
        },
      },
      handshake: {
        found: (core, opening) => {
          const found = right.handshake.found(core, opening);
          if (opening.authorization.length > 0) for (const token of found.tokens) tokens.add(token);
          return found;
        },
      },
      tokens: {
        judge: async (token, ...given) => {
          const judged = await right.tokens.judge(token, ...given);
          if (typeof judged !== 'string' && tokens.has(token)) claims.add(judged);
          return judged;
        },
      },
    };
  };

/** Faults that show on connections whose token came in another way than in the query. */
export const ways: readonly Mutant[] = [
  mutant(
    'authentication-expiry-closes',
    'first-never-expires',
    'The close for expiry is set where a token comes with the handshake, and not where it comes in the first message.',
    granted(({ authentication }, isFirst) => ({
      authentication: {
        closesIn: (grant, core, at) =>
          isFirst(core, grant) ? null : authentication.closesIn(grant, core, at),
      },
    })),
  ),
  mutant(
    'authentication-expiry-closes',
    'header-never-expires',
    'The close for expiry is not set where the token came in the header.',
    inHeader(({ authentication }, isOf) => ({
      authentication: {
        closesIn: (grant, core, at) =>
          isOf(grant) ? null : authentication.closesIn(grant, core, at),
      },
    })),
  ),
  mutant(
    'authentication-expiry-warned',
    'first-unwarned',
    'Of the end of a token that came in the first message nobody is warned.',
    granted(({ authentication }, isFirst) => ({
      authentication: {
        warnsIn: (grant, core, at) =>
          isFirst(core, grant) ? null : authentication.warnsIn(grant, core, at),
      },
    })),
  ),
  mutant(
    'authentication-refresh-expires',
    'first-refreshed-without-end',
    'A connection that brought its token in the first message is not closed for the expiry of the next.',
    refreshing((refresh) => {
      if (!failed(refresh.effects)) disarm(refresh);
    }),
  ),
  mutant(
    'authentication-refresh-extends',
    'first-timer-kept',
    'The timer of a token from the first message fires although a new one was taken.',
    refreshing(({ core, connection, old, effects }) => {
      const closing = { code: 4001, reason: 'token_expired' };
      const left = (old.expiresAt ?? 0) - Date.now();
      if (!failed(effects))
        core.agenda.in(left, () => perform(core, connection, [{ do: 'close', closing }]));
    }),
  ),
  mutant(
    'authentication-refresh-rejected-changes-nothing',
    'first-refused-stops-timer',
    'An auth that is refused stops the timer of a token from the first message.',
    refreshing((refresh) => {
      if (failed(refresh.effects)) disarm(refresh);
    }),
  ),
  mutant(
    'heartbeat-ping-sent',
    'first-never-pinged',
    'A connection that brought its token in the first message is sent no Pings.',
    asked(({ heartbeat }, wasAsked) => ({
      heartbeat: {
        beat: (pulse, now, announced, slack, connection) =>
          connection && wasAsked(connection)
            ? { act: 'wait', next: announced.interval_ms }
            : heartbeat.beat(pulse, now, announced, slack, connection),
      },
    })),
  ),
  mutant(
    'heartbeat-silent-peer-dropped',
    'first-never-given-up',
    'A silent peer is kept where its token came in the first message.',
    asked(({ heartbeat }, wasAsked) => ({
      heartbeat: {
        beat: (pulse, now, announced, slack, connection) => {
          const beat = heartbeat.beat(pulse, now, announced, slack, connection);
          return beat.act === 'dead' && connection && wasAsked(connection)
            ? { act: 'wait', next: announced.interval_ms }
            : beat;
        },
      },
    })),
  ),
  mutant(
    'limits-connections-reached',
    'first-counted-while-waiting',
    'A connection that waits for its first message takes a place of every user.',
    asked(({ limits }, wasAsked) => ({
      limits: {
        connectionsPerUser: (core, grant) =>
          limits.connectionsPerUser(core, grant) -
          [...core.awaiting].filter((each) => wasAsked(each) && each.grant !== grant).length,
      },
    })),
  ),
  mutant(
    'limits-connections-over-closed',
    'first-without-limit',
    'The limit of connections is looked at only where the handshake brought the token.',
    granted(({ limits }, isFirst) => ({
      limits: {
        connectionsPerUser: (core, grant) =>
          isFirst(core, grant) ? Number.POSITIVE_INFINITY : limits.connectionsPerUser(core, grant),
      },
    })),
  ),
  mutant(
    'limits-connections-over-closed',
    'first-not-counted',
    'A connection that brought its token in the first message takes no place.',
    asked(({ limits }, wasAsked) => ({
      limits: {
        connectionsPerUser: (core, grant) =>
          limits.connectionsPerUser(core, grant) +
          [...(core.users.get(grant.user) ?? [])].filter(wasAsked).length,
      },
    })),
  ),
];
