import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Close } from '#conformance/harness/wire.js';

const MOST_CONNECTIONS = 500;
const MOST_USERS = 100;

/** The most rooms that a connection may be in. @throws NotExercised where so many cannot be joined */
export function mostRooms(t: Stage): number {
  const { max_rooms } = t.welcome.limits;
  const joins = t.limitOf('join');
  if (joins < max_rooms + 5)
    t.notExercised(`${max_rooms} rooms cannot be joined within the announced ${joins} requests`);
  return max_rooms;
}

/** The most users that a list of members holds, as this peer was told. @throws NotExercised where these are too many */
export function mostListed(t: Stage, { announced }: Peer): number {
  const { max_listed_members: most } = announced.limits;
  if (!Number.isSafeInteger(most) || most < 1)
    t.notExercised('no usable limits.max_listed_members is announced');
  if (most > MOST_USERS)
    t.notExercised(`lists of ${most} members are longer than the suite has users for`);
  return most;
}

/** Joins as many rooms as a connection may be in. @throws NotExercised where so many cannot be joined */
export async function fillRooms(t: Stage, label = 'ann'): Promise<Peer> {
  const most = mostRooms(t);
  const peer = await t.connect(label);
  await Promise.all(Array.from({ length: most }, (_, i) => peer.joins(`room-${i}`)));
  return peer;
}

/** The most connections that a user may have. @throws NotExercised where these are too many */
export function mostConnections(t: Stage): number {
  const { max_connections_per_user: most } = t.welcome.limits;
  if (most > MOST_CONNECTIONS)
    t.notExercised(`${most} connections of one user are more than the suite opens`);
  return most;
}

/** Opens as many connections as a user may have. @throws NotExercised where these are too many */
export function fillConnections(t: Stage, label: string): Promise<Peer[]> {
  return Promise.all(Array.from({ length: mostConnections(t) }, () => t.connect(label)));
}

/** Opens one more connection of a user; resolves when it is welcomed or closed. */
export async function knocks(t: Stage, user: string, label = 'next'): Promise<Peer> {
  const next = await t.open({ token: t.mint(user), subprotocols: ['parlor.v1'], label });
  await next.until(
    () => next.received('welcome')[0] ?? next.closed,
    () => ({ expected: 'a welcome', actual: 'neither a welcome nor a close came' }),
    { outlivesClose: true },
  );
  return next;
}

/** In the place of a connection that the server has ended, another is welcomed. */
export async function isWelcomed(t: Stage, user: string, ended: Close | undefined): Promise<void> {
  const next = await knocks(t, user);
  t.assert(next.received('welcome').length > 0, {
    expected: `a connection is welcomed in the place of each that the server has ended, of one for: ${ended?.detail}`,
    actual: `${next.closed?.detail}`,
    hint: 'Lower the count wherever a connection ends, and not in the handler of an orderly close alone.',
  });
}
