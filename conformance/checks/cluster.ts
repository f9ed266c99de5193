import { clusterDeath } from './cluster.death.js';
import { clusterOutage } from './cluster.outage.js';
import { clusterRooms } from './cluster.rooms.js';
import { clusterUsers } from './cluster.users.js';

/** The checks of spec/cluster.md. */
export const cluster = [...clusterRooms, ...clusterUsers, ...clusterDeath, ...clusterOutage];
