/** What a server process tells of itself, on request. */
export interface Usage {
  /** CPU time, user and system, in microseconds. */
  cpu_us: number;
  /** Bytes in use after a garbage collection: heap, buffers and what lies outside. */
  bytes: number;
  /** Resident memory, in bytes. */
  rss: number;
}

/** Tells the parent process where the server listens, and answers its messages: `collect` collects garbage first. */
export function report(port: number): void {
  process.on('message', (collect) => {
    if (collect === 'collect') globalThis.gc?.();
    const { user, system } = process.cpuUsage();
    const { heapUsed, external, rss } = process.memoryUsage();
    process.send?.({ usage: { cpu_us: user + system, bytes: heapUsed + external, rss } });
  });
  process.on('disconnect', () => process.exit());
  process.send?.({ port });
}
