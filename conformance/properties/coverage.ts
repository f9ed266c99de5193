import { refusal } from './judge/facts.js';
import type { Judgement } from './judge/judge.js';
import type { JudgedRule } from './judged.js';

/** What many conversations have exercised. */
export class Coverage {
  conversations = 0;
  /** How often each rule had something to decide. */
  readonly rules = new Map<JudgedRule, number>();
  /** Replies by request, the sender's state in the room, and what came, such as `chat · in → ack`. */
  readonly replies = new Map<string, number>();
  /** Requests of different connections in the same room that were under way together, such as `join ∥ leave`. */
  readonly pairs = new Map<string, number>();
  /** How often each mistake was made, by its label. */
  readonly mistakes = new Map<string, number>();
  /** Deliveries to members whose membership was in no doubt, and to those who were coming or going. */
  stable = 0;
  racing = 0;

  /** Adds one conversation. */
  add({ facts, rooms, events, seen }: Judgement): void {
    this.conversations += 1;
    for (const entry of facts.trace.entries)
      if (entry.kind === 'end' && entry.breach) count(this.mistakes, entry.breach.label);
    for (const [rule, times] of seen) count(this.rules, rule, times);
    for (const request of facts.requests) {
      const { message, reply, faulty } = request;
      if (faulty) count(this.mistakes, faulty.label);
      const state = message.room === undefined ? '–' : rooms.state(request);
      const outcome = reply
        ? (refusal(request) ?? (reply.message.data.duplicate ? 'duplicate' : reply.message.type))
        : 'none';
      count(
        this.replies,
        faulty ? `malformed → ${outcome}` : `${message.type} · ${state} → ${outcome}`,
      );
    }
    this.#pairs(facts);
    for (const event of events.all) {
      const [request] = event.requests;
      if (!request || event.room === undefined) continue;
      for (const { connection, n } of event.copies) {
        const stay = rooms.at(connection, event.room, n);
        if (stay && stay.joined < request.n && stay.leaving > n) this.stable += 1;
        else this.racing += 1;
      }
    }
  }

  #pairs(facts: Judgement['facts']): void {
    const open = facts.requests.filter(({ message }) => message.room !== undefined);
    for (const [index, one] of open.entries()) {
      for (const two of open.slice(index + 1)) {
        if (two.n > (one.reply?.n ?? facts.end)) break;
        if (one.connection === two.connection || one.message.room !== two.message.room) continue;
        const same = one.connection.user === two.connection.user;
        const names = [one.message.type, two.message.type].sort().join(' ∥ ');
        count(this.pairs, same ? `${names}, one user` : names);
      }
    }
  }
}

function count<K>(map: Map<K, number>, key: K, times = 1): void {
  map.set(key, (map.get(key) ?? 0) + times);
}
