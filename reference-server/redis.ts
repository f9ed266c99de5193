export { overRedis, type RedisBrokerOptions } from './broker/redis.js';
export { RedisLink, type RedisLinkOptions } from './broker/redis-link.js';
export { RedisSessions } from './broker/redis-sessions.js';
