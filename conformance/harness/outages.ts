const BACKEND_UNAVAILABLE = { close: 4103, code: 'backend_unavailable' };

interface Outage {
  at: number;
  text: string;
  sure: boolean;
}

/** Remembers when the target said that it could not reach a store or broker: what it did meanwhile proves little. */
export class Outages {
  readonly #instances: number;
  readonly #outages: Outage[] = [];

  /** `instances`: of how many the target consists, and so whether it has a broker. */
  constructor(instances: number) {
    this.#instances = instances;
  }

  /** A request was answered with an error of this code. */
  refused(code: unknown, label: string): void {
    if (code === BACKEND_UNAVAILABLE.code)
      this.#note(`${label} was answered with ${BACKEND_UNAVAILABLE.code}`, this.#instances > 1);
  }

  /** A connection with good credentials was closed with this code. */
  closed(code: number, label: string): void {
    if (code === BACKEND_UNAVAILABLE.close)
      this.#note(`${label}'s connection was closed with ${code}`, true);
  }

  /**
   * What the target said of an outage since a moment of `performance.now()`, in words. Alone on the target, a check
   * takes its word only where there is certainly something to be reached: else a wrong code would never be found.
   */
  since(moment: number, alone: boolean): string | undefined {
    return this.#outages.findLast(({ at, sure }) => at >= moment && (sure || !alone))?.text;
  }

  #note(text: string, sure: boolean): void {
    this.#outages.push({ at: performance.now(), text, sure });
    if (this.#outages.length > 200) this.#outages.splice(0, 100);
  }
}
