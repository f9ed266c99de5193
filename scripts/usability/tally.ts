/** Promises that were kept and broken, told line by line. */
export class Tally {
  #passed = 0;
  #failed = 0;

  /** Tries one promise: it is broken when `keep` throws, and then what it should have given is undefined. */
  async promise<T>(name: string, keep: () => T | Promise<T>): Promise<T | undefined> {
    const start = performance.now();
    const told = (mark: string) =>
      console.log(`${mark}  ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    try {
      const kept = await keep();
      this.#passed += 1;
      told('kept  ');
      return kept;
    } catch (error) {
      this.#failed += 1;
      told('BROKEN');
      console.log(error instanceof Error ? (error.stack ?? error.message) : String(error));
      return undefined;
    }
  }

  /** Prints the plain line. @returns the exit code */
  close(): number {
    console.log(`\n${this.#passed} passed, ${this.#failed} failed`);
    return this.#failed === 0 ? 0 : 1;
  }
}
