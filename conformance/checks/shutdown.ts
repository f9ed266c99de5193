import { check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { Violation } from '#conformance/harness/verdict.js';
import { mustBePunctual } from './punctuality.js';
import { cutsOf } from './shutdown.cuts.js';
import {
  CLOSING_MS,
  type Drained,
  doorsOf,
  drainedBy,
  endedOnItsOwn,
  exits,
  OF_ONE_USER,
  QUIET,
  retold,
  retoldDoors,
  seen,
} from './shutdown.drain.js';

type Signal = 'SIGTERM' | 'SIGINT';

// A request that got this much time before the Close frame has surely been read.
const READ_MS = 500;

// The grace of a server that is told none, and tells none where nobody is connected.
const GRACE_MS = 10_000;

// What a busy machine may add to a measured time.
const SLACK_MS = 1_000;

const HANDLER = {
  SIGTERM:
    'Handle SIGTERM before the framework does: uvicorn closes every socket first, Go and Node end at once.',
  SIGINT:
    'Handle SIGINT as SIGTERM: by default a runtime ends at once, or raises an exception in its event loop.',
};

const STATUS =
  'A signal that is raised again after the drain makes it 143. So do wrappers such as npm and npx: start the server itself.';

const SPREAD =
  'Draw retry_after_ms for each connection anew; otherwise all clients return in one instant.';

const FLOWS =
  'Close a connection before the end of the grace only when all that is queued for it, replays too, has left; and let the Close frame flow out before TCP is ended.';

// A check of each client of a drain that is observed once.
const ofEach =
  (signal: Signal, judge: (t: Stage, client: Drained, notice: Message | undefined) => void) =>
  async (t: Stage): Promise<void> => {
    const drain = await drainedBy(t, signal);
    retold(t, drain);
    const drained = drain.clients.filter((client) => !endedOnItsOwn(client));
    if (drained.length === 0)
      t.inconclusive('every connection ended for what was its own before the drain closed it');
    for (const client of drained) judge(t, client, client.notices[0]?.message);
  };

const ROOMS =
  'Go through the connections, and not through the members of each room: a connection may be in no room or in several.';

const LATE =
  'Its handshake or its authentication was under way when the drain began: look once more before the welcome, and refuse it, or tell it at once.';

const USERS =
  'Go through the connections, and not through the users: one user may have several connections.';

const noticedOn =
  (signal: Signal) =>
  async (t: Stage): Promise<void> => {
    const { clients } = await drainedBy(t, signal);
    const served = clients.filter(({ notices }) => notices.length === 1);
    const hintFor = ({ user, rooms, late }: Drained) => {
      if (late) return LATE;
      if (served.some((other) => other.user === user)) return USERS;
      return served.length > 0 && rooms.length !== 1 ? ROOMS : HANDLER[signal];
    };
    const judge = ofEach(signal, (_, client) => {
      const { label, rooms, notices, close } = client;
      t.assert(notices.length === 1, {
        expected: `one server_shutdown on each connection after ${signal}, before its Close frame`,
        actual: `${label}, in ${rooms.join(' and ') || 'no room'}, received ${notices.length}, then: ${close?.detail ?? 'nothing'}`,
        hint: hintFor(client),
      });
    });
    return judge(t);
  };

// What the rules about the close say of a connection without notice is for the rule of the notice to say.
const closedAs = (signal: Signal, judge: (t: Stage, client: Drained, notice: Message) => void) =>
  ofEach(signal, (t, client, notice) => {
    if (!notice) t.notExercised(`no notice came after ${signal}`);
    else judge(t, client, notice);
  });

const hasCode = (t: Stage, { label, close }: Drained, { data }: Message) => {
  const code = data.reconnect ? 1012 : 1001;
  t.assert(close?.by === 'frame' && close.code === code, {
    expected: `a Close frame with ${code} after a notice with reconnect: ${data.reconnect}`,
    actual: `${label}: ${close?.detail ?? 'still open'}`,
  });
};

const hasReason = (t: Stage, { label, close }: Drained, { data }: Message) => {
  const reason = data.reconnect
    ? `server_restart;retry_after_ms=${data.retry_after_ms}`
    : 'server_shutdown';
  t.assert(close?.by === 'frame' && close.reason === reason, {
    expected: `the close reason ${reason}`,
    actual: `${label}: ${close?.detail ?? 'still open'}`,
  });
};

const exitsWell = (signal: Signal) => async (t: Stage) => {
  const drain = await drainedBy(t, signal);
  retold(t, drain);
  t.assert(drain.exit?.status === 0, {
    expected: `the process exits with status 0 after ${signal}`,
    actual: drain.exit?.text ?? 'it did not end',
    hint: STATUS,
  });
};

// Signals the check's own instance, and waits until this client knows.
async function signalled({ instance }: Stage, ann: Peer) {
  instance.signal('SIGTERM');
  return ann.receives('server_shutdown');
}

// The text of each acknowledged chat of a sender is at every member before that member's Close frame.
function delivered(t: Stage, sender: Peer, members: readonly Peer[]): number {
  const { messages } = seen(sender);
  const until = messages.findIndex(({ message }) => message.type === 'server_shutdown');
  const acks = messages
    .slice(0, until < 0 ? undefined : until)
    .filter(({ message }) => message.type === 'ack' && typeof message.data.seq === 'number')
    .filter(({ message }) => message.data.id !== undefined);
  for (const { message } of acks)
    for (const member of members)
      t.assert(
        member.received('chat').some(({ id }) => id === message.data.id),
        {
          expected: 'every chat that was acknowledged before the notice reaches every member',
          actual: `${member.label} did not receive the chat ${message.data.id} of ${sender.label}, acknowledged before the notice`,
          hint: 'Let what is queued flow out before the Close frames: in the application, in the broker, in the next turn of the loop.',
        },
      );
  return acks.length;
}

const GOOD_REPLIES = ['ack', 'pong'];

// The reply of each request, where it has to have one.
function judgeReplies(t: Stage, ann: Peer, asked: ReadonlyMap<string, number>): number {
  const replies = new Map(ann.log.map(({ message, at }) => [message.ref, { message, at }]));
  const closedAt = ann.closed?.at ?? Number.POSITIVE_INFINITY;
  const answered = [...asked.keys()].map((id) => replies.has(id));
  let decided = 0;
  for (const [index, [id, at]] of [...asked].entries()) {
    const reply = replies.get(id)?.message;
    const overtaken = answered.slice(index + 1).includes(true);
    if (!reply && !overtaken && closedAt - at < READ_MS) continue;
    decided += 1;
    const refused = reply?.type === 'error' && reply.data.code === 'shutting_down';
    t.assert(reply && (GOOD_REPLIES.includes(reply.type) || refused), {
      expected: `the ordinary reply to the request ${id}, or the error shutting_down`,
      actual: reply ? JSON.stringify(reply) : 'the connection was closed without a reply to it',
    });
  }
  return decided;
}

const passive = { needs: ['start'], timers: true } as const;

/** The checks of spec/shutdown.md. */
export const shutdown = [
  check('shutdown-notice-on-sigterm', noticedOn('SIGTERM'), passive),
  check('shutdown-notice-on-sigint', noticedOn('SIGINT'), passive),

  ...(['SIGTERM', 'SIGINT'] as const).flatMap((signal) => {
    const options = { ...passive, variant: signal.toLowerCase() };
    return [
      check('shutdown-close-code-matches-notice', closedAs(signal, hasCode), options),
      check('shutdown-close-reason-matches-notice', closedAs(signal, hasReason), options),
      check('shutdown-exit-status-zero', exitsWell(signal), options),
    ];
  }),

  check(
    'shutdown-close-within-grace',
    async (t) => {
      const drain = await drainedBy(t, 'SIGTERM');
      retold(t, drain);
      for (const { label, notices, close } of drain.clients) {
        const [notice] = notices;
        if (!notice) return t.notExercised('no notice came after SIGTERM');
        const { grace_ms = 0 } = notice.message.data;
        const took = close && close.at - notice.at;
        const inTime = took !== undefined && took <= grace_ms + CLOSING_MS + SLACK_MS;
        if (!inTime) mustBePunctual(t, drain.worst, SLACK_MS / 2, 'how long a Close frame took');
        t.assert(inTime, {
          expected: `a Close frame within ${grace_ms} + 2,000 ms of the notice`,
          actual: `${label}: ${took === undefined ? 'still open' : `${close?.detail}, after ${Math.round(took)} ms`}`,
        });
      }
    },
    passive,
  ),

  check(
    'shutdown-acked-messages-delivered',
    async (t) => {
      const [ann, bob, cat] = await t.join('lounge', 'ann', 'bob', 'cat');
      const count = Math.min(20, t.rate('messages').limit);
      for (const sender of [ann, bob])
        for (let index = 0; index < count; index += 1)
          sender.send('chat', { text: `last words ${index}` }, { room: 'lounge', id: `w${index}` });
      await ann.reply('w0', 'chat');
      t.instance.signal('SIGTERM');
      const peers = [ann, bob, cat];
      const { data } = await ann.receives('server_shutdown');
      await Promise.all(peers.map((peer) => peer.ends((data.grace_ms ?? 0) + CLOSING_MS)));
      delivered(t, ann, peers);
      delivered(t, bob, peers);
    },
    { instance: QUIET },
  ),

  check(
    'shutdown-acked-messages-delivered',
    async (t) => {
      const { missed } = await cutsOf(t);
      if (!missed) return t.notExercised('the server does not end the connection of a slow reader');
      const { came, owed, early, end } = missed;
      t.note('observed once for several checks: a client reads on late in the grace');
      if (owed === 0) return t.notExercised('the server does not keep as much as was sent');
      if (came < owed && !early)
        t.inconclusive('the grace was over before the client had read all that was sent to it');
      t.assert(came === owed, {
        expected: `a client that begins to read within the grace receives all ${owed} chats that were acknowledged before the notice`,
        actual: `${came} came; then, before the grace was over: ${end}`,
        hint: FLOWS,
      });
    },
    { ...passive, variant: 'slow-reader' },
  ),

  check(
    'shutdown-requests-answered',
    async (t) => {
      const ann = await t.connect('ann', { claims: { scope: 'parlor:broadcast' } });
      await ann.joins('lounge');
      const { features } = ann.announced;
      const again = t.mint('ann', { scope: 'parlor:broadcast' });
      const { data } = await signalled(t, ann);
      const asked = new Map<string, number>();
      const ask = (type: string, payload: unknown, room?: string) => {
        const id = `late-${type}`;
        ann.send(type, payload, { id, ...(room !== undefined && { room }) });
        asked.set(id, performance.now());
      };
      ask('chat', { text: 'too late?' }, 'lounge');
      ask('join', undefined, 'hall');
      ask('members', undefined, 'lounge');
      ask('typing', { active: true }, 'lounge');
      if (features.includes('direct')) ask('direct', { to: ann.user, text: 'too late?' });
      if (features.includes('broadcast')) ask('broadcast', { text: 'too late?' });
      if (features.includes('auth_refresh')) ask('auth', { token: again });
      ask('leave', undefined, 'lounge');
      ask('ping', {});
      await ann.ends((data.grace_ms ?? 0) + CLOSING_MS);
      if (judgeReplies(t, ann, asked) > 0) return;
      const { notices, close } = seen(ann);
      if ((close?.at ?? 0) - (notices[0]?.at ?? 0) < READ_MS)
        t.notExercised('the server closes so soon after its notice that nothing can be asked');
      t.inconclusive('the machine was too busy to ask anything between the notice and the close');
    },
    // Time enough to ask, on a busy machine too.
    { instance: { ...QUIET, PARLOR_GRACE_MS: '2500' } },
  ),

  check(
    'shutdown-no-welcome-while-draining',
    async (t) => {
      const doors = await doorsOf(t);
      retoldDoors(t, doors);
      const { welcomed, close } = doors.late;
      t.assert(!welcomed && close, {
        expected: [
          'no welcome on a connection opened after the notice: HTTP 503, no TCP connection',
          'or a close with 1012 or 4100',
        ],
        actual: welcomed ? 'a welcome came' : 'it is still open',
      });
    },
    passive,
  ),

  check(
    'shutdown-upgrade-refused',
    async (t) => {
      const doors = await doorsOf(t);
      retoldDoors(t, doors);
      const { status, headers } = doors.late.response;
      const refused = status === 503 && headers['retry-after'] !== undefined;
      t.assert(status === 0 || refused, {
        expected: ['HTTP 503 with a Retry-After header', 'no TCP connection'],
        actual: `HTTP ${status}${status === 503 ? ' without a Retry-After header' : ''}`,
      });
    },
    passive,
  ),

  check(
    'shutdown-retry-after-spread',
    async (t) => {
      const drain = await drainedBy(t, 'SIGTERM');
      retold(t, drain);
      const notices = drain.clients.flatMap((each) => each.notices.map(({ message }) => message));
      const returning = notices.filter(({ data }) => data.reconnect);
      if (returning.length < drain.clients.length)
        t.notExercised('no notice of every connection says that a server will be there again');
      const times = new Set(returning.map(({ data }) => data.retry_after_ms));
      t.assert(times.size > 1, {
        expected: `different values of retry_after_ms on ${returning.length} connections`,
        actual: `all of them are ${[...times].join()}`,
        hint: SPREAD,
      });
      const [first] = drain.clients;
      const ofUser = drain.clients.filter(({ user }) => user === first?.user);
      const drawn = new Set(ofUser.map(({ notices }) => notices[0]?.message.data.retry_after_ms));
      t.assert(drawn.size > 1 || ofUser.length < OF_ONE_USER, {
        expected: `different values of retry_after_ms on ${ofUser.length} connections of one user`,
        actual: `all of them are ${[...drawn].join()}`,
        hint: SPREAD,
      });
    },
    passive,
  ),

  check(
    'shutdown-no-leave-storm',
    ofEach('SIGTERM', (t, { label, messages, notices }) => {
      const [notice] = notices;
      const leaves = messages
        .slice(notice ? messages.indexOf(notice) : messages.length)
        .filter(({ message }) => message.type === 'leave');
      for (const { message } of leaves)
        t.note(`after its notice ${label} received ${JSON.stringify(message)}`);
      t.assert(leaves.length === 0, {
        expected: 'no leave after the notice: everybody leaves because the server stops',
        actual: `${label} received ${leaves.length}, such as ${JSON.stringify(leaves[0]?.message)}`,
      });
    }),
    passive,
  ),

  check(
    'shutdown-silent-peer-cut',
    async (t) => {
      const { found, idleCut } = await cutsOf(t);
      if (!found) return;
      if (!idleCut) throw found;
      throw new Violation({
        expected: found.expected,
        actual: `${found.actual}: a connection whose client reads nothing, with much queued for it, is waited for; one with nothing queued was cut`,
        hint: 'Cut what is left when the time is over, whatever waits to be written: a destroy, not an end that first lets the queue flow out.',
      });
    },
    passive,
  ),

  check(
    'shutdown-exit-status-zero',
    async (t) => {
      const { exit } = await cutsOf(t);
      if (!exit) return t.notExercised('the process waits for clients that do not read');
      t.assert(exit.status === 0, {
        expected: 'the process exits with status 0 also when it had to cut connections',
        actual: exit.text,
        hint: 'A client that does not answer its Close frame is no failure of the server: take the time-out of the drain for its end.',
      });
    },
    { ...passive, variant: 'after-a-cut' },
  ),

  check(
    'shutdown-exit-status-zero',
    async (t) => {
      const ann = await t.connect('ann');
      ann.close(1000);
      await t.seen(ann.tcpEnds(), 'the server does not end TCP after the Close frames');
      t.instance.signal('SIGTERM');
      const exit = exits(t, t.instance, GRACE_MS);
      const { status, text } = await t.seen(exit, 'the process does not end');
      t.assert(status === 0, {
        expected: 'the process exits with status 0 after SIGTERM also when nobody is connected',
        actual: text,
        hint: 'With no connection to close, the end is the same: leave by the exit of the drain.',
      });
    },
    { instance: QUIET, variant: 'nobody-there' },
  ),

  check(
    'shutdown-second-signal-ends',
    async (t) => {
      const [ann, sloth] = await t.join('lounge', 'ann', 'sloth');
      sloth.autoClose = false;
      sloth.pause();
      await signalled(t, ann);
      t.instance.signal('SIGTERM');
      await t.within(t.instance.exited, {
        expected: 'the process ends at once on a second SIGTERM',
        actual: 'it goes on waiting for the rest of the grace, or for clients',
      });
    },
    { instance: { ...QUIET, PARLOR_GRACE_MS: '30000' } },
  ),
];
