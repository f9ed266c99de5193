import { check } from '#conformance/harness/check.js';
import { closeHint } from '#conformance/harness/hints.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { origins } from './handshake.origins.js';
import { withKeySet } from './keysets.js';
import { answered, closed, decided, oneTooMany, refusals, welcomed } from './openings.js';
import { ASKED } from './ways.js';

const SEVERAL_LINES =
  'The header may come in several lines, which count as one list (RFC 6455, section 11.3.4): read them all.';

// So many messages take about as long as an opening handshake, or a half of it.
const DIRECTS = 3;

function selects(t: Stage, peer: Peer, subprotocol: string | undefined, hint?: string): void {
  const { status } = peer.response;
  const named = (name: string | undefined) =>
    name === undefined ? 'no Sec-WebSocket-Protocol' : `Sec-WebSocket-Protocol: ${name}`;
  t.assert(status === 101 && peer.response.subprotocol === subprotocol, {
    expected: `HTTP 101 with ${named(subprotocol)}`,
    actual: `HTTP ${status} with ${named(peer.response.subprotocol)}`,
    hint,
  });
}

// How a connection ended that was not closed with a Close frame, in words.
function ending({ closed: end, response }: Peer): string {
  return end?.by === 'refusal' ? `is refused with HTTP ${response.status}` : 'ends without a close';
}

/** Holds a connection with a parameter to end as the one without it did, where that was not by a Close frame. */
async function endsAlike(t: Stage, without: Peer, peer: Peer, name: string): Promise<void> {
  const expected = `a connection with the parameter ${name} ${ending(without)}, as one without it`;
  await decided(peer, expected);
  const actual = peer.welcomed
    ? `it is welcomed as ${peer.welcome.data.user}`
    : peer.closed?.by === 'frame'
      ? `it is closed with ${peer.closed.code} ${peer.closed.reason}`
      : `it ${ending(peer)}`;
  t.assert(actual === `it ${ending(without)}`, { expected, actual });
}

/** How a server chooses among the offered subprotocols. */
const subprotocols = [
  check('handshake-subprotocol-selected', async (t) => {
    const peer = await t.open({ token: t.mint('ann'), subprotocols: ['parlor.v1'] });
    selects(t, peer, 'parlor.v1');
    await peer.receives('welcome');
  }),

  check('handshake-subprotocol-any-position', async (t) => {
    for (const offer of [
      'parlor.v9, parlor.v1',
      'parlor.v9,parlor.v1',
      'parlor.unsupported, parlor.v1',
      'parlor.v10, chat, parlor.v1, parlor.unsupported',
    ]) {
      const headers = { 'Sec-WebSocket-Protocol': offer };
      const peer = await t.open({ token: t.mint('ann'), headers });
      selects(t, peer, 'parlor.v1');
      await peer.receives('welcome');
    }
  }),

  check(
    'handshake-subprotocol-any-position',
    async (t) => {
      const headers = { 'Sec-WebSocket-Protocol': ['parlor.v9', 'parlor.v1'] };
      const peer = await t.open({ token: t.mint('ann'), headers });
      selects(t, peer, 'parlor.v1', SEVERAL_LINES);
      await peer.receives('welcome');
    },
    { variant: 'in-two-lines' },
  ),

  check('handshake-no-subprotocol-accepted', async (t) => {
    const peer = await t.open({ token: t.mint('ann') });
    const { data } = await peer.receives('welcome');
    t.equal(data['protocol'], 'parlor.v1', 'protocol in the welcome');
    await peer.joins('lounge');
  }),

  check('handshake-unoffered-never-selected', async (t) => {
    selects(t, await t.open({ token: t.mint('ann') }), undefined);
    for (const offer of [['parlor.unsupported'], ['parlor.v9'], ['parlor.v9', 'chat']]) {
      const { response } = await t.open({ token: t.mint('ann'), subprotocols: offer });
      const { subprotocol } = response;
      t.assert(subprotocol === undefined || offer.includes(subprotocol), {
        expected: `no subprotocol but one of ${offer.join(', ')}`,
        actual: `HTTP ${response.status} with Sec-WebSocket-Protocol: ${subprotocol}`,
      });
    }
  }),

  check('handshake-sentinel-selected', async (t) => {
    for (const offer of [['parlor.v9', 'parlor.unsupported'], ['parlor.unsupported']])
      selects(t, await t.open({ token: t.mint('ann'), subprotocols: offer }), 'parlor.unsupported');
  }),

  check('handshake-sentinel-closes-4002', async (t) => {
    const offer = ['parlor.v9', 'parlor.unsupported'];
    for (const token of [t.mint('ann'), undefined, 'nonsense'])
      await closed(t, { token, subprotocols: offer }, 4002, 'version_unsupported');
    const asked = { query: ASKED, subprotocols: offer } as const;
    await closed(t, asked, 4002, 'version_unsupported', 'the query ?auth=message');
  }),

  check('handshake-unknown-subprotocol-refused', async (t) => {
    for (const offer of [['parlor.v9'], ['chat', 'superchat'], ['Parlor.V1'], ['parlor.v10']])
      for (const token of [t.mint('ann'), undefined])
        answered(t, await t.open({ token, subprotocols: offer }), 400);
  }),
];

async function accepted(t: Stage, peer: Peer, code: number): Promise<void> {
  const close = await peer.ends();
  const { status } = peer.response;
  t.assert(status === 101 && close.by === 'frame', {
    expected: `HTTP 101, and then a Close frame with ${code}`,
    actual: `${peer.label}: ${close.detail}`,
    hint: closeHint([code], close, status),
  });
}

/** How a connection is refused after the handshake. */
const refused = [
  check('handshake-refusal-after-accept', async (t) => {
    const peers = [];
    for (const { options } of refusals(t)) {
      const peer = await t.open({ subprotocols: ['parlor.v1'], ...options });
      await decided(peer, 'the connection is welcomed or ends');
      // Whether it is to be refused, and why, is for other rules to say.
      if (!peer.welcomed) peers.push(peer);
    }
    if (peers.length === 0) t.vacuous('the server welcomes everybody');
    for (const peer of peers) await accepted(t, peer, 4001);
  }),

  check(
    'handshake-refusal-after-accept',
    async (t) => {
      await accepted(t, await oneTooMany(t, 'ann'), 4005);
    },
    { variant: 'limit' },
  ),

  check('handshake-refusal-prompt', async (t) => {
    // The 5 s of the rule and some time to spare.
    t.patience(3_000);
    await Promise.all(
      refusals(t).map(async ({ options }) => {
        const peer = await t.open({ subprotocols: ['parlor.v1'], ...options });
        await peer.ends();
      }),
    );
  }),

  check(
    'handshake-refusal-prompt',
    (t) =>
      withKeySet(t, async ({ listener, at, minter, takes }) => {
        t.patience(3_000);
        listener.manner = 'hold';
        const peer = await t.open({ at, token: t.secret(minter.mint(t.user('ann'))) });
        const closing = peer.ends();
        await closing.catch(() => {});
        if (listener.requests.length === 0) t.notExercised('the server asks for no key set');
        listener.manner = 'answer';
        await takes();
        await closing;
      }),
    { variant: 'key-set', timers: true },
  ),

  check('handshake-refusal-no-data', async (t) => {
    const peers: Peer[] = [await oneTooMany(t, 'ann')];
    for (const { options } of refusals(t))
      peers.push(await t.open({ subprotocols: ['parlor.v1'], ...options }));
    peers.push(await t.open({ token: t.mint('ann'), subprotocols: ['parlor.unsupported'] }));
    for (const peer of peers) {
      const { detail } = await peer.ends();
      const [first] = peer.received();
      t.assert(first === undefined, {
        expected: 'no data frame on a connection that is refused',
        actual: `a connection that was ${detail} received ${JSON.stringify(first)}`,
        hint: 'Code and reason of the Close frame say it all: send neither `welcome` nor `error` before it.',
      });
    }
  }),
];

// How long a key set is held back, so that what was sent meanwhile has arrived.
const UNANSWERED_MS = 200;

function sendEarly(peer: Peer): void {
  peer.send('ping', {}, { id: '1' });
  peer.send('join', {}, { id: '2', room: peer.user });
  peer.send('chat', { text: 'early' }, { id: '3', room: peer.user });
}

async function inOrder(t: Stage, peer: Peer): Promise<void> {
  for (const id of ['1', '2', '3']) await peer.reply(id);
  const came = peer.received('*', ({ type, ref }) => type === 'welcome' || ref !== undefined);
  t.equal(
    came.map(({ type }) => type),
    ['welcome', 'pong', 'ack', 'ack'],
    'what comes of a ping, a join and a chat sent at once after the 101 response',
  );
}

// Something for a user whose further connections are being opened, and once they are.
async function tells(bob: Peer, { user }: Peer, opening: Promise<unknown>): Promise<void> {
  const tell = () => bob.request('direct', { to: user, text: 'are you there?' });
  for (let count = 0; count < DIRECTS; count += 1) await tell();
  await opening;
  for (let count = 0; count < DIRECTS; count += 1) await tell();
}

/** The welcome. */
const welcome = [
  check('handshake-welcome-first', async (t) => {
    const [first, bob] = await t.join('lounge', 'ann', 'bob');
    const { max_connections_per_user: most } = t.welcome.limits;
    const labels = [...['ann', 'ann'].slice(0, most - 1), 'cat'];
    const opening = Promise.all(labels.map((label) => t.open({ token: t.mint(label), label })));
    if (t.announces('direct')) await tells(bob, first, opening);
    await first.chat('lounge', 'hello');
    for (const peer of await opening) {
      const { type } = await peer.receives('*');
      t.equal(type, 'welcome', 'the type of the first message on a connection');
    }
  }),

  check('handshake-welcome-once', async (t) => {
    const ann = await t.connect('ann');
    await ann.joins('lounge');
    await t.connect('ann');
    if (t.announces('auth_refresh')) await ann.acked('auth', { token: t.mint('ann') });
    await ann.pings();
    t.equal(ann.received('welcome').length, 1, 'the number of welcomes on one connection');
  }),

  check('handshake-welcome-prompt', async (t) => {
    t.patience(3_000);
    await welcomed(t, { token: t.mint('ann') });
    await welcomed(t, { headers: { Authorization: `Bearer ${t.mint('bob')}` } });
  }),

  check(
    'handshake-early-messages-kept',
    (t) =>
      withKeySet(t, async ({ listener, at, minter, takes }) => {
        listener.manner = 'hold';
        const opening = t.open({ at, token: t.secret(minter.mint(t.user('ann'))) }, 'ann');
        // Some servers check the token before they answer: then there is no time in between.
        const early = await Promise.race([
          opening.then(() => true),
          listener.asked().then(() => t.pause(UNANSWERED_MS)),
        ]);
        if (early) sendEarly(await opening);
        await t.pause(UNANSWERED_MS);
        listener.manner = 'answer';
        const ann = await opening;
        if (!early) sendEarly(ann);
        await decided(ann, 'a valid token is welcomed');
        if (!ann.welcomed) await takes();
        await inOrder(t, ann);
      }),
    { variant: 'key-set' },
  ),

  check('handshake-early-messages-kept', async (t) => {
    const labels = Array.from({ length: 12 }, (_, index) => `early${index}`);
    await Promise.all(
      labels.map(async (label) => {
        const peer = await t.open({ token: t.mint(label) }, label);
        if (peer.welcomed) t.note(`the welcome of ${label} was faster than we are`);
        sendEarly(peer);
        await inOrder(t, peer);
      }),
    );
  }),

  check('handshake-connection-id-unique', async (t) => {
    const labels = ['ann', 'ann', 'ann', 'bob', 'cat', 'dan'];
    const peers = await Promise.all(labels.map((label) => t.connect(label)));
    for (const label of ['ann', 'bob']) {
      const gone = await t.connect(label);
      gone.close();
      await gone.tcpEnds();
      peers.push(gone, await t.connect(label));
    }
    const ids = peers.map((peer) => peer.welcome.data['connection_id']);
    const twice = ids.find((id, index) => ids.indexOf(id) !== index);
    t.assert(twice === undefined, {
      expected: `${ids.length} connections have ${ids.length} connection_ids`,
      actual: `${JSON.stringify(twice)} is the connection_id of two`,
    });
  }),
];

const endpoint = ({ urls }: Stage) => {
  const { pathname, search } = new URL(urls[0] ?? '');
  return `${pathname}${search}`;
};

/** What is no opening handshake of this version, and what it may carry. */
const others = [
  check('handshake-plain-get-refused', async (t) => {
    const path = endpoint(t);
    const withToken = `${path}${path.includes('?') ? '&' : '?'}token=${t.mint('ann')}`;
    for (const target of [path, withToken]) {
      const { status } = await t.http(target);
      t.assert(status >= 400 && status < 500, {
        expected: 'a status from 400 to 499, such as 426',
        actual: `HTTP ${status}`,
      });
    }
  }),

  check('handshake-plain-get-426', async (t) => {
    t.equal((await t.http(endpoint(t))).status, 426, 'the status of a GET without upgrade');
  }),

  check('handshake-version-refused', async (t) => {
    for (const version of ['7', '12', '14', '99', '', null])
      answered(
        t,
        await t.open({
          token: t.mint('ann'),
          subprotocols: ['parlor.v1'],
          headers: { 'Sec-WebSocket-Version': version },
        }),
        400,
        499,
      );
  }),

  check('handshake-unknown-query-ignored', async (t) => {
    await welcomed(t, {
      query: [
        ['v', '3'],
        ['Token', 'nonsense'],
        ['token', t.mint('ann')],
        ['utm_source', 'mail & more'],
        ['token2', 'x'],
        ['tokens[]', 'y'],
        ['AUTH', 'message'],
        ['auth2', 'message'],
        ['room', 'lounge'],
      ],
    });
  }),

  check(
    'handshake-unknown-query-ignored',
    async (t) => {
      // Whatever it is that happens to a connection without a token.
      const without = await t.open({ subprotocols: ['parlor.v1'] });
      const { by, code, reason } = await without.ends();
      for (const name of ['access_token', 'jwt', 'Token', 'TOKEN', 'token2', 'xtoken']) {
        const query: [string, string][] = [[name, t.mint('ann')]];
        if (by === 'frame') await closed(t, { query }, code, reason);
        else
          await endsAlike(t, without, await t.open({ subprotocols: ['parlor.v1'], query }), name);
      }
      if (by !== 'frame')
        t.notExercised(
          `a connection without a token ${ending(without)}, and so does one with any of these names`,
        );
    },
    { variant: 'other-names' },
  ),
];

/** The checks of spec/handshake.md. */
export const handshake = [...subprotocols, ...origins, ...refused, ...welcome, ...others];
