import type { Events } from './events.js';
import { acked, type Facts, type Request } from './facts.js';
import type { Findings } from './findings.js';
import type { Rooms } from './stays.js';

/** What a join with `since` is answered: recovered exactly when everything missed is still there. */
export function returns(facts: Facts, rooms: Rooms, events: Events, findings: Findings): void {
  if (!facts.announced.resume) return;
  for (const request of facts.requests) {
    if (request.faulty || request.message.type !== 'join' || !acked(request)) continue;
    const since = request.message.data['since'] as { epoch: string; seq: number } | undefined;
    if (!since) continue;
    if (!rooms.disturbed.has(request.message.room ?? ''))
      judge(facts, request, since, events, findings);
  }
}

function judge(
  facts: Facts,
  request: Request,
  since: { epoch: string; seq: number },
  events: Events,
  findings: Findings,
): void {
  const { reply, connection, n, message } = request;
  if (!reply) return;
  const { epoch, seq = 0, recovered, replayed } = reply.message.data;
  const tell = (rule: Parameters<Findings['saw']>[0], expected: string, proof: number[] = []) => {
    findings.saw(rule);
    return (right: boolean) =>
      right ||
      findings.add({
        rule,
        expected,
        actual: `${facts.who(connection)} was told recovered: ${recovered}, replayed: ${replayed}, with epoch ${epoch} and seq ${seq}`,
        entries: [...proof, n, reply.n],
        about: [`room:${message.room}`, `stream:${connection.number}:${message.room}`],
      });
  };
  if (epoch !== since.epoch)
    return void tell(
      'resume-unknown-epoch-not-recovered',
      `recovered: false: ${since.epoch} is not the room's epoch`,
    )(recovered === false && !replayed);
  if (since.seq > seq)
    return void tell(
      'resume-future-seq-not-recovered',
      `recovered: false: seq ${since.seq} has not been given out`,
    )(recovered === false && !replayed);
  const missed = seq - since.seq;
  if (recovered !== true) {
    if (!kept(facts, request, since.seq, seq, events)) return;
    const rule =
      missed === 0
        ? 'resume-nothing-missed-recovered'
        : since.seq === 0
          ? 'resume-from-zero-recovered'
          : 'resume-missed-events-replayed';
    tell(
      rule,
      `recovered: true: all ${missed} events after seq ${since.seq} are in the history`,
    )(false);
    return;
  }
  // A history that is read after the join may hold more than the ack's number says.
  tell(
    missed === 0 ? 'resume-nothing-missed-recovered' : 'resume-ack-counts-replay',
    `replayed: ${missed}, for the events from ${since.seq + 1} to ${seq}`,
  )(typeof replayed === 'number' && replayed >= missed);
}

/** Whether everything after a seq is surely in the history still. */
function kept(
  facts: Facts,
  { message, doneAt, reply }: Request,
  from: number,
  to: number,
  events: Events,
): boolean {
  const { resume } = facts.announced;
  if (!resume) return false;
  // The history may lose its oldest event as soon as later ones come, before this reply is sent.
  const sequence = events.sequence(message.room ?? '', reply?.message.data.epoch ?? '');
  const newest = sequence.at(-1)?.seq ?? to;
  if (Math.max(newest, to) - from > resume.max_events) return false;
  const oldest = Math.min(
    ...sequence
      .filter((each) => (each.seq ?? 0) > from)
      .flatMap((each) => each.requests.map((one) => one.at)),
  );
  return !Number.isFinite(oldest) || doneAt - oldest < resume.window_ms;
}
