import { closing } from './transport.closing.js';
import { control } from './transport.control.js';
import { deflate } from './transport.deflate.js';
import { messages } from './transport.messages.js';
import { opening } from './transport.opening.js';

/** The checks of spec/transport.md. */
export const transport = [...opening, ...control, ...closing, ...messages, ...deflate];
