import { exchangesOf } from './course.js';
import type { Peer } from './peer.js';

/**
 * How long a server took, at worst, for what it answers at once: an opening handshake, and a request while no other of
 * the connection was under way; in milliseconds. The canary sees no delay of a server that was started for one check.
 */
export function slowest(peers: readonly Peer[]): number {
  let most = 0;
  for (const peer of peers) {
    const { openedAt, respondedAt = openedAt } = peer;
    most = Math.max(most, respondedAt - openedAt);
    let free = openedAt;
    for (const { said, reply } of exchangesOf(peer)) {
      if (reply && said.at >= free) most = Math.max(most, reply.at - said.at);
      free = Math.max(free, reply?.at ?? Number.POSITIVE_INFINITY);
    }
  }
  return most;
}
