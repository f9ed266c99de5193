// #region log
/** At most `limit` entries in any `windowMs`: exact, where a token bucket or a fixed window is not. */
export class SlidingLog {
  #times = [];

  constructor(limit, windowMs) {
    this.limit = limit;
    this.windowMs = windowMs;
  }

  /** How many entries lie in the window that ends now. */
  count(now = performance.now()) {
    while (this.#times[0] <= now - this.windowMs) this.#times.shift();
    return this.#times.length;
  }

  /** Enters one and gives 0; or, where the log is full, enters none and gives the milliseconds to wait. */
  admit(now = performance.now()) {
    if (this.count(now) >= this.limit)
      return Math.max(1, Math.ceil(this.#times[0] + this.windowMs - now));
    this.#times.push(now);
    return 0;
  }

  /** Enters one, and tells whether that spent the budget. */
  spend(now = performance.now()) {
    const spent = this.count(now) + 1 >= this.limit;
    this.#times.push(now);
    return spent;
  }
}
// #endregion log
