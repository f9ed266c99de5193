import type { Mutant } from './mutant.js';
import { closing } from './transport.closing.js';
import { control } from './transport.control.js';
import { deflate } from './transport.deflate.js';
import { messages } from './transport.messages.js';

/** Faults of the chapter `transport`. */
export const transport: readonly Mutant[] = [...control, ...closing, ...messages, ...deflate];
