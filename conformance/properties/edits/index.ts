import { deliveries } from './deliveries.js';
import type { Edit } from './edit.js';
import { presence } from './presence.js';
import { replies } from './replies.js';

export type { Edit } from './edit.js';
export { legal } from './legal.js';

/** Edits that no right server could have caused. */
export const illegal: Record<string, Edit> = { ...deliveries, ...replies, ...presence };
