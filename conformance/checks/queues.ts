import { ENVELOPE } from '#conformance/harness/exhaustion.js';
import type { Stage } from '#conformance/harness/stage.js';

/** Whether a queue of the announced length holds the reply to a message of so many bytes. */
export function queueHolds({ welcome }: Stage, bytes: number): boolean {
  return bytes + ENVELOPE <= welcome.limits.max_queue_bytes;
}

/** The longest message that is processed. @throws NotExercised where its reply does not fit into the queue */
export function longestAnswered(t: Stage): number {
  const { max_message_bytes: most, max_queue_bytes } = t.welcome.limits;
  if (!queueHolds(t, most))
    t.notExercised(
      `\`max_queue_bytes\` is ${max_queue_bytes}: the reply to a message of ${most} bytes does not fit into the queue`,
    );
  return most;
}
