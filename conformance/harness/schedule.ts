/** Work that runs side by side with other work of its kind. */
export interface Job {
  run(): Promise<void>;
  /** Whether it only waits at present, so that another may begin in its place. */
  readonly stalled: boolean;
  /** Jobs of this group run at most `group.limit` at once. */
  readonly group?: { limit: number; running: number };
}

const AT_MOST = 256;

/** Runs jobs in their order, at most `limit` of them busy at once. */
export class Schedule {
  readonly #limit: number;
  readonly #waiting: Job[];
  readonly #running = new Set<Job>();
  readonly #done: () => void;
  readonly #failed: (error: unknown) => void;
  /** Resolves when every job has ended. */
  readonly finished: Promise<void>;

  constructor(jobs: readonly Job[], limit: number) {
    this.#limit = limit;
    this.#waiting = [...jobs];
    let done = () => {};
    let failed: (error: unknown) => void = () => {};
    this.finished = new Promise<void>((resolve, reject) => {
      done = resolve;
      failed = reject;
    });
    this.#done = done;
    this.#failed = failed;
  }

  /** Starts what may start; called again whenever a job may have stalled. */
  pump(): void {
    for (;;) {
      const busy = [...this.#running].filter((job) => !job.stalled).length;
      if (busy >= this.#limit || this.#running.size >= AT_MOST) return;
      const index = this.#waiting.findIndex(({ group }) => !group || group.running < group.limit);
      const [job] = index < 0 ? [] : this.#waiting.splice(index, 1);
      if (!job) {
        if (this.#waiting.length === 0 && this.#running.size === 0) this.#done();
        return;
      }
      this.#start(job);
    }
  }

  /** Starts nothing more. */
  cancel(): void {
    this.#waiting.length = 0;
  }

  #start(job: Job): void {
    this.#running.add(job);
    if (job.group) job.group.running += 1;
    job
      .run()
      .catch(this.#failed)
      .finally(() => {
        this.#running.delete(job);
        if (job.group) job.group.running -= 1;
        this.pump();
      });
  }
}
