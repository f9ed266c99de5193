import type { CheckOptions } from '#conformance/harness/check.js';

type Shared = Pick<CheckOptions, 'instance' | 'shared'> & { shared: true };

// Starting a server costs more than most checks: those whose variables do not touch each other share one.

/** How long a patient server leaves those alone who do not answer, in milliseconds. */
const SILENT_MS = 60_000;

/** A server with room for long histories and for short lists, whose heartbeat comes too late to explain an end. */
export const patient = {
  instance: {
    PARLOR_HEARTBEAT_INTERVAL_MS: String(SILENT_MS),
    PARLOR_HEARTBEAT_TIMEOUT_MS: String(SILENT_MS),
    PARLOR_MESSAGES_LIMIT: '1000',
    PARLOR_RESUME_MAX_EVENTS: '1000',
    PARLOR_MAX_LISTED_MEMBERS: '20',
  },
  shared: true,
} satisfies Shared;

/** So many refusals in one window end a connection to a strict server. */
export const CLOSE_AFTER = 3;

/** A server that ends connections soon: for refused messages, and for protocol errors. */
export const strict: Shared = {
  instance: {
    PARLOR_MESSAGES_CLOSE_AFTER: String(CLOSE_AFTER),
    PARLOR_PROTOCOL_ERROR_WINDOW_MS: '1000',
    PARLOR_MAX_PROTOCOL_ERRORS: '5',
    PARLOR_CONTROL_LIMIT: '20',
    PARLOR_CONTROL_WINDOW_MS: '1500',
    PARLOR_CONTROL_CLOSE_AFTER: String(2 * CLOSE_AFTER),
  },
  shared: true,
};

/** How long a forgetful server keeps events, and remembers requests, in milliseconds. */
export const RESUME_MS = 300;
export const DEDUP_MS = 400;

/** A server that forgets soon. */
export const forgetful: Shared = {
  instance: {
    PARLOR_RESUME_WINDOW_MS: String(RESUME_MS),
    PARLOR_DEDUP_WINDOW_MS: String(DEDUP_MS),
    PARLOR_MESSAGES_LIMIT: '1000',
  },
  shared: true,
};
