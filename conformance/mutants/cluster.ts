import { clusterDeath } from './cluster.death.js';
import { clusterOutage } from './cluster.outage.js';
import { clusterRooms } from './cluster.rooms.js';
import { clusterUsers } from './cluster.users.js';
import type { Mutant } from './mutant.js';

/** The faulty clusters of spec/cluster.md. */
export const cluster: readonly Mutant[] = [
  ...clusterRooms,
  ...clusterUsers,
  ...clusterDeath,
  ...clusterOutage,
];
