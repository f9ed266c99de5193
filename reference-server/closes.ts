import type { Closing, Connection, Core } from './state.js';

/** The decisions of the chapter `closes`. */
export interface ClosesParts {
  /** The code and reason that go out for the ones a step has decided on. */
  send(closing: Closing, core: Core, connection: Connection): Closing;
}

/** As the specification has it. */
export const closes: ClosesParts = {
  send: (closing) => closing,
};
