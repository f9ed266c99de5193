// One room that several processes share over Redis: one order, nothing twice, and no hole unseen.

// #region publish
// Numbers, remembers and publishes in one step, so there is one order.
const PUBLISH = `
local seq = redis.call('INCR', KEYS[1])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', 500, seq .. '-1', 'text', ARGV[1])
redis.call('PUBLISH', KEYS[3], seq .. ' ' .. ARGV[1])
return seq`;
// #endregion publish

export class Room {
  last;
  #turn = Promise.resolve();

  /** `deliver` is called with each event and its seq, in order; `gap` with what can no longer be had. */
  constructor(link, name, deliver, gap) {
    this.link = link;
    [this.seq, this.log, this.channel] = [`seq:${name}`, `log:${name}`, `room:${name}`];
    this.deliver = deliver;
    this.gap = gap;
    this.subscriber = link.duplicate({ autoResubscribe: false });
  }

  // #region open
  /** Resolves when the subscription is confirmed: only then may a `join` be answered. */
  async open() {
    this.subscriber.on('message', (_, message) => this.#next(() => this.#hear(message)));
    await this.#next(() => this.#subscribe());
    this.subscriber.on('ready', () => this.#next(() => this.#subscribe())); // the link was away
  }

  async #subscribe() {
    await this.subscriber.subscribe(this.channel);
    const seq = Number((await this.link.get(this.seq)) ?? 0);
    if (this.last === undefined) this.last = seq;
    else await this.#recover(seq);
  }

  // One after the other: a recovery takes its time, and what comes meanwhile waits.
  #next(step) {
    this.#turn = this.#turn.then(step);
    return this.#turn;
  }
  // #endregion open

  // #region chat
  /** Sends nobody anything: this process hears its own event as all others do. */
  chat(text) {
    return this.link.eval(PUBLISH, 3, this.seq, this.log, this.channel, text);
  }

  /** The only place that delivers. */
  async #hear(message) {
    const [, seq, text] = /^(\d+) (.*)$/s.exec(message);
    if (Number(seq) > this.last + 1) await this.#recover(Number(seq) - 1);
    this.#take(Number(seq), text);
  }

  #take(seq, text) {
    if (seq <= this.last) return; // it was recovered already
    this.last = seq;
    this.deliver(seq, text);
  }
  // #endregion chat

  // #region recover
  /** Delivers what the log still has, up to a number, and tells the rest as a `gap`. */
  async #recover(until) {
    const entries = await this.link.xrange(this.log, `${this.last + 1}-1`, `${until}-1`);
    const numbers = entries.map(([id]) => Number.parseInt(id, 10));
    const first = numbers[0] ?? until + 1;
    if (first > this.last + 1) {
      this.gap(this.last + 1, first - 1);
      this.last = first - 1;
    }
    for (const [index, [, [, text]]] of entries.entries()) this.#take(numbers[index], text);
  }
  // #endregion recover
}
