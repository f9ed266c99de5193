import { type Course, type Exchange, type Stay, userOf } from './course.js';
import type { Sign } from './signs.js';

/** Signs in what acknowledgements say of a room: its number, its epoch and who is in it. */
export function* snapshots(course: Course): Iterable<Sign> {
  for (const stay of course.stays) yield* joined(course, stay);
  for (const exchange of course.exchanges) yield* listed(course, exchange);
}

function* joined({ stays }: Course, stay: Stay): Iterable<Sign> {
  const { room, ack, from, client } = stay;
  const others = stays.filter((each) => each !== stay && each.room === room);
  const first = others.every((each) => each.from > from);
  const { seq } = ack.data;
  if (first && typeof seq === 'number' && seq !== 0)
    yield { rule: 'rooms-fresh-seq-zero', told: `the room's first join was told seq ${seq}` };
  const parted = others.find(
    (each) => each.from < stay.until && from < each.until && each.ack.data.epoch !== ack.data.epoch,
  );
  if (parted)
    yield {
      rule: 'rooms-epoch-shared',
      told: `${client.label} and ${parted.client.label} were told different epochs of one room`,
    };
}

function* listed({ stays }: Course, { said, client, reply }: Exchange): Iterable<Sign> {
  const { members, count, truncated } = reply?.message.data ?? {};
  if (reply?.message.type !== 'ack' || !Array.isArray(members)) return;
  const told = `${client.label} was told ${members.length} members`;
  const known = stays.filter(({ room }) => room === said.room);
  const missing = known.find(
    ({ user, from, until }) => from <= said.at && until >= reply.at && !members.includes(user),
  );
  if (missing && !truncated)
    yield { rule: 'rooms-members-complete', told: `${told}, without ${missing.client.label}` };
  if (said.type === 'join' && !members.includes(userOf(client)))
    yield { rule: 'rooms-join-includes-oneself', told: `${told}, without itself` };
  if (new Set(members).size < members.length)
    yield { rule: 'rooms-members-unique', told: `${told}, one of them twice` };
  for (const { user, client: of, ended } of known) {
    const gone = known.every((each) => each.user !== user || isGone(each, said));
    if (!gone || !members.includes(user) || user === userOf(client)) continue;
    const rule = ended === 'closed' ? 'rooms-closed-has-left' : 'rooms-members-no-ghosts';
    yield { rule, told: `${told}, among them ${of.label}, who is gone` };
  }
  if (!truncated && typeof count === 'number' && count !== new Set(members).size)
    yield { rule: 'rooms-count-users', told: `${told}, and another count` };
}

const isGone = ({ silent, ended, until }: Stay, { at }: { at: number }) =>
  silent < at || (ended === 'closed' && until < at);
