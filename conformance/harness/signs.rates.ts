import { errors } from '#schemas/errors.js';
import { type Client, type Course, type Exchange, isReply, userOf } from './course.js';
import type { Sign } from './signs.js';
import type { Rate } from './welcome.js';

// What is malformed is refused before it is counted.
const UNCOUNTED = new Set<unknown>(
  errors.filter((row) => row.protocolError).map((row) => row.code),
);

// More refusals than this tell no more.
const MOST = 200;

const MEMBERS = ['bucket', 'limit', 'retry_after_ms'];

// Why a message is refused before its user has sent as many as its bucket admits.
const APART = ['rates-users-apart', 'rates-buckets-apart', 'rates-burst-admitted'] as const;

/** Signs in how many messages were admitted, and refused, in a window. */
export function* admissions({ rates, clients, exchanges }: Course): Iterable<Sign> {
  for (const { message } of clients.flatMap(({ log }) => log)) {
    const lacking = MEMBERS.filter((name) => message.data[name] === undefined);
    if (isRefused(message) && lacking.length > 0)
      yield { rule: 'rates-refusal-members', told: `a refusal lacks ${lacking.join(', ')}` };
  }
  for (const rate of rates) {
    const keys = new Map<unknown, Exchange[]>();
    for (const each of exchanges) {
      if (!rate.types.includes(each.said.type)) continue;
      const key = rate.scope === 'user' ? userOf(each.client) : each.client;
      keys.set(key, [...(keys.get(key) ?? []), each]);
    }
    for (const each of keys.values()) yield* window(rate, each);
    for (const client of clients) yield* early(rate, client, clients);
    if (rate.types.includes('chat')) for (const client of clients) yield* echoed(rate, client);
  }
}

// Who has sent less than one window admits, or sees less admitted, cannot be refused for the rate.
function* early(
  { bucket, limit }: Rate,
  client: Client,
  clients: readonly Client[],
): Iterable<Sign> {
  const { log, label } = client;
  const own = clients.filter((each) => userOf(each) === userOf(client));
  const sent = own.reduce((sum, { said }) => sum + said.length, 0);
  const admitted = own.reduce((sum, each) => sum + atMost(each), 0);
  if (Math.min(sent, admitted) >= limit) return;
  const refusal = log.find(
    ({ message }) => isRefused(message) && [bucket, undefined].includes(message.data.bucket),
  );
  const told = `${label} was refused for the bucket ${bucket} which admits ${limit} messages, after ${Math.min(sent, admitted)}`;
  if (refusal) for (const rule of APART) yield { rule, told };
}

// How many messages of a connection may have been admitted: those with an event or a reply.
function atMost(client: Client): number {
  const events = client.log.filter(({ message: { ref, from } }) => !ref && from === userOf(client));
  const replies = client.log.filter(({ message }) => isReply(message) && !isRefused(message));
  return new Set(events.map(({ message }) => message.id)).size + replies.length;
}

// Who asks for no reply sees by its own events what was admitted: the nth is at least its nth message.
function* echoed({ limit, window_ms, bucket }: Rate, client: Client): Iterable<Sign> {
  const { log, said } = client;
  const user = userOf(client);
  const seen = new Set<unknown>();
  const own = log.filter(({ message: { type, from, id } }) => {
    const counts = type === 'chat' && from === user && !seen.has(id);
    seen.add(id);
    return counts;
  });
  const sent = said.filter(({ type }) => type === 'chat');
  for (const [index, { at }] of own.entries()) {
    const first = sent[index - limit];
    if (first === undefined || at - first.at >= window_ms) continue;
    const told = `of the bucket ${bucket}, whose limit is ${limit} in ${window_ms} ms, ${limit + 1} messages were admitted in one window`;
    yield { rule: 'rates-over-refused', told };
    return;
  }
}

function* window(rate: Rate, exchanges: readonly Exchange[]): Iterable<Sign> {
  const { limit, window_ms, bucket } = rate;
  const told = `of the bucket ${bucket}, whose limit is ${limit} in ${window_ms} ms,`;
  const admitted = exchanges.filter(isAdmitted).toSorted((a, b) => a.said.at - b.said.at);
  for (const [index, first] of admitted.entries()) {
    if (index + limit >= admitted.length) break;
    const some = admitted.slice(index, index + limit + 1);
    const last = Math.max(...some.map(({ reply }) => reply?.at ?? 0));
    if (last - first.said.at >= window_ms) continue;
    yield {
      rule: 'rates-over-refused',
      told: `${told} ${some.length} messages were admitted in one window`,
    };
    break;
  }
  const refused = exchanges.filter(({ reply }) => reply && isRefused(reply.message));
  for (const { said } of refused.slice(0, MOST)) {
    const sent = exchanges.filter((each) => each.said.at <= said.at && isRecent(each, said, rate));
    if (sent.length <= limit)
      for (const rule of APART) yield { rule, told: `${told} message ${sent.length} was refused` };
  }
}

const isRefused = ({ type, data }: NonNullable<Exchange['reply']>['message']) =>
  type === 'error' && data.code === 'rate_limited';

function isAdmitted({ reply }: Exchange): boolean {
  if (!reply) return false;
  const { type, data } = reply.message;
  // A repetition is answered, and not executed.
  if (data.duplicate === true) return false;
  return (
    type === 'ack' || type === 'pong' || (!isRefused(reply.message) && !UNCOUNTED.has(data.code))
  );
}

const isRecent = ({ reply }: Exchange, { at }: { at: number }, { window_ms }: Rate) =>
  (reply?.at ?? Number.POSITIVE_INFINITY) > at - window_ms;
