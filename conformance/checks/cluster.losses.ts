import type { Message } from '#conformance/harness/message.js';

/** What a member knew when it joined, and what reached it since, in order. */
export interface Member {
  label: string;
  epoch: string;
  seq: number;
  events: readonly { message: Message; at: number }[];
}

/** An acknowledged message. */
export interface Acked {
  id: string;
  seq: number;
  text: string;
  /** When it was sent. */
  at: number;
}

/** What a member lacks without having been told. */
export interface Losses {
  /** Holes in the numbers that no `gap` covered before the next event, and other faults of the order. */
  faults: string[];
  /** Acknowledged messages that neither arrived nor are covered by a `gap`. */
  missing: Acked[];
  /** How many were not delivered, but covered. */
  covered: number;
}

interface Gap {
  from: number;
  to: number | null;
  /** Whether it began an epoch, so that what is left of the old one is lost. */
  renews: boolean;
  at: number;
  /** Its place among the events. */
  place: number;
}

const fields = ({ data }: Message) => ({
  from: Number(data['from_seq']),
  to: data['to_seq'] === null ? null : Number(data['to_seq']),
  epoch: String(data['epoch']),
});

/** Compares what was acknowledged with what reached one member. */
export function losses(member: Member, acked: readonly Acked[]): Losses {
  const faults: string[] = [];
  const gaps: Gap[] = [];
  const ids = new Map<string, number>();
  const lives: { seq: number; place: number }[] = [];
  let { epoch, seq: last } = member;
  let open: Gap[] = [];
  for (const [place, { message, at }] of member.events.entries()) {
    if (message.type === 'gap') {
      const { from, to, epoch: next } = fields(message);
      const renews = next !== epoch;
      if (renews) {
        epoch = next;
        last = 0;
        open = [];
      }
      const gap = { from, to, renews, at, place };
      gaps.push(gap);
      open.push(gap);
    } else if (message.seq !== undefined && message.data['replay'] !== true) {
      const { seq, id = '' } = message;
      ids.set(id, (ids.get(id) ?? 0) + 1);
      lives.push({ seq, place });
      if (seq <= last)
        faults.push(`the number ${seq} came after ${last}, and no gap told of a new epoch`);
      for (let lack = last + 1; lack < seq; lack += 1)
        if (!open.some(({ from, to }) => from <= lack && lack <= (to ?? seq - 1))) {
          faults.push(`${last} was followed by ${seq}, and no gap before it covers ${lack}`);
          break;
        }
      last = Math.max(last, seq);
    }
  }
  for (const [id, count] of ids) if (count > 1) faults.push(`the event ${id} came ${count} times`);
  const lost = acked.filter(({ id, seq }) => seq > 0 && !ids.has(id));
  const missing = lost.filter((each) => !gaps.some((gap) => covers(gap, each, lives)));
  return { faults, missing, covered: lost.length - missing.length };
}

// An ack does not tell its epoch: a gap that begins one excuses whatever was sent before it came.
function covers(
  { from, to, renews, at, place }: Gap,
  acked: Acked,
  lives: readonly { seq: number; place: number }[],
): boolean {
  if (renews && acked.at < at) return true;
  const next = lives.find((live) => live.place > place)?.seq ?? Number.POSITIVE_INFINITY;
  return from <= acked.seq && acked.seq <= (to ?? next - 1);
}
