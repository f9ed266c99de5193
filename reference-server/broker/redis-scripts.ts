// Every script is one atomic step. Feeds have the numbers `rev` (everything said), `seq` (messages) and
// `moves` (comings and goings); the ids of stream entries are seq-rev and moves-rev, so that a stream can be
// read from a number on.

/** How many comings and goings of a room are kept for an instance that missed them. */
const MOVES_KEPT = 500;

const common = `
local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function whole(number) return string.format('%.0f', number) end

-- A run is one life of the Redis process. After another one, the end of what it knew may be gone.
local function renew(keys, run, nonce, keep)
  local epoch = whole(now()) .. '-' .. nonce
  redis.call('DEL', keys[2], keys[3])
  redis.call('HSET', keys[1], 'epoch', epoch, 'run', run, 'seq', 0, 'rev', 0, 'moves', 0)
  if redis.call('PTTL', keys[1]) < 0 then redis.call('PEXPIRE', keys[1], keep) end
  return { epoch = epoch, seq = 0, rev = 0, moves = 0 }
end

local function theRun(run)
  if run ~= '' then return run end
  return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end

local function open(keys, run, nonce, keep)
  run = theRun(run)
  local got = redis.call('HMGET', keys[1], 'epoch', 'run', 'seq', 'rev', 'moves')
  if not got[1] or got[2] ~= run then return renew(keys, run, nonce, keep) end
  return { epoch = got[1], seq = tonumber(got[3]), rev = tonumber(got[4]), moves = tonumber(got[5]) }
end

local function say(keys, it, kind, body)
  local head = kind .. ' ' .. it.rev .. ' ' .. it.seq .. ' ' .. it.moves .. ' ' .. it.epoch
  return redis.call('SPUBLISH', keys[1], head .. '\\n' .. body)
end

local function move(keys, it, body, keep)
  it.rev = redis.call('HINCRBY', keys[1], 'rev', 1)
  it.moves = redis.call('HINCRBY', keys[1], 'moves', 1)
  redis.call('XADD', keys[3], 'MAXLEN', ${MOVES_KEPT}, it.moves .. '-' .. it.rev, 'b', body)
  redis.call('PEXPIRE', keys[3], keep)
  say(keys, it, 'm', body)
end

local function relay(keys, it, body)
  it.rev = redis.call('HINCRBY', keys[1], 'rev', 1)
  say(keys, it, 'r', body)
end

local function listed(users, most)
  local count = redis.call('HLEN', users)
  if count <= most then return count, redis.call('HKEYS', users) end
  return count, redis.call('HRANDFIELD', users, most)
end
`;

/** One script: how many keys it has, and its text. */
export interface Script {
  readonly numberOfKeys: number;
  readonly lua: string;
}

const script = (numberOfKeys: number, lua: string): Script => ({ numberOfKeys, lua: common + lua });

/** Keys and arguments are named in the first line of each. */
export const scripts = {
  publish: script(
    4,
    `-- meta log moves once | run nonce keep body most ttl remembered remember
    if ARGV[7] ~= '' then
      local was = redis.call('GET', KEYS[4])
      if was and string.sub(was, 1, 1) ~= '?' then return { 0, was } end
    end
    local it = open(KEYS, ARGV[1], ARGV[2], ARGV[3])
    it.seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
    it.rev = redis.call('HINCRBY', KEYS[1], 'rev', 1)
    local first = math.max(0, it.seq - tonumber(ARGV[5]) + 1)
    redis.call('XADD', KEYS[2], 'MINID', '=', whole(first), it.seq .. '-' .. it.rev,
      'b', ARGV[4], 't', whole(now()))
    redis.call('PEXPIRE', KEYS[2], ARGV[3])
    if ARGV[6] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[6]) end
    if ARGV[7] ~= '' then
      redis.call('SET', KEYS[4], it.seq .. '\\n' .. ARGV[7], 'PX', ARGV[8])
    end
    say(KEYS, it, 'c', ARGV[4])
    return { 1, it.seq }`,
  ),

  relay: script(
    3,
    `-- meta log moves | run nonce keep body
    relay(KEYS, open(KEYS, ARGV[1], ARGV[2], ARGV[3]), ARGV[4])
    return 1`,
  ),

  join: script(
    5,
    `-- meta log moves users at | run nonce keep connection key user body most epoch seq
    local it = open(KEYS, ARGV[1], ARGV[2], ARGV[3])
    redis.call('PERSIST', KEYS[1])
    if redis.call('HSETNX', KEYS[5], ARGV[4], ARGV[6]) == 1 then
      if redis.call('HINCRBY', KEYS[4], ARGV[5], 1) == 1 then move(KEYS, it, ARGV[7], ARGV[3]) end
    end
    local count, members = listed(KEYS[4], tonumber(ARGV[8]))
    local missed = {}
    if ARGV[9] == it.epoch and tonumber(ARGV[10]) < it.seq then
      missed = redis.call('XRANGE', KEYS[2], whole(tonumber(ARGV[10]) + 1) .. '-0', '+')
    end
    return { it.epoch, it.rev, it.seq, it.moves, count, members, missed, whole(now()) }`,
  ),

  leave: script(
    5,
    `-- meta log moves users at | run nonce keep connection key farewell body
    if redis.call('HDEL', KEYS[5], ARGV[4]) == 0 then return -1 end
    local left = redis.call('HINCRBY', KEYS[4], ARGV[5], -1)
    if left > 0 then return left end
    redis.call('HDEL', KEYS[4], ARGV[5])
    local it = open(KEYS, ARGV[1], ARGV[2], ARGV[3])
    if ARGV[6] ~= '' then relay(KEYS, it, ARGV[6]) end
    move(KEYS, it, ARGV[7], ARGV[3])
    if redis.call('HLEN', KEYS[4]) == 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
    return 0`,
  ),

  sync: script(
    4,
    `-- meta log moves at | run nonce keep epoch rev seq moves page ttl
    local it = open(KEYS, ARGV[1], ARGV[2], ARGV[3])
    local known = ARGV[4] == it.epoch
    if known and it.rev < tonumber(ARGV[5]) then
      it = renew(KEYS, theRun(ARGV[1]), ARGV[2], ARGV[3])
      known = false
    end
    if ARGV[9] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[9]) end
    local seq, moves = 0, 0
    if known then seq, moves = tonumber(ARGV[6]), tonumber(ARGV[7]) end
    local said, moved = {}, {}
    if ARGV[4] ~= '' then
      if it.seq > seq then
        said = redis.call('XRANGE', KEYS[2], whole(seq + 1) .. '-0', '+', 'COUNT', ARGV[8])
      end
      if it.moves > moves then
        moved = redis.call('XRANGE', KEYS[3], whole(moves + 1) .. '-0', '+')
      end
    end
    return { it.epoch, it.rev, it.seq, it.moves, said, moved, redis.call('HKEYS', KEYS[4]) }`,
  ),

  members: script(
    1,
    `-- users | most
    local count, members = listed(KEYS[1], tonumber(ARGV[1]))
    return { count, members }`,
  ),

  present: script(
    4,
    `-- meta log moves users | run nonce keep most
    local it = open(KEYS, ARGV[1], ARGV[2], ARGV[3])
    local count, members = listed(KEYS[4], tonumber(ARGV[4]))
    return { it.epoch, it.rev, count, members }`,
  ),

  seat: script(
    1,
    `-- seats | connection lease limit
    if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0
      and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
    return 1`,
  ),

  evict: script(
    1,
    `-- seats | lease
    local all = redis.call('HGETALL', KEYS[1])
    for at = 1, #all, 2 do
      if all[at + 1] == ARGV[1] then redis.call('HDEL', KEYS[1], all[at]) end
    end
    return 1`,
  ),

  admit: script(
    1,
    `-- log | limit window
    local time, span = now(), tonumber(ARGV[2]) * 1000
    local oldest = redis.call('LINDEX', KEYS[1], 0)
    while oldest and time - tonumber(oldest) >= span do
      redis.call('LPOP', KEYS[1])
      oldest = redis.call('LINDEX', KEYS[1], 0)
    end
    if redis.call('LLEN', KEYS[1]) >= tonumber(ARGV[1]) then
      return math.max(1, math.ceil((tonumber(oldest) + span - time) / 1000))
    end
    redis.call('RPUSH', KEYS[1], whole(time))
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return 0`,
  ),

  lease: script(
    2,
    `-- living dead | lease length fresh
    if ARGV[3] == '0' and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
    redis.call('ZADD', KEYS[1], whole(now() + tonumber(ARGV[2]) * 1000), ARGV[1])
    return 1`,
  ),

  bury: script(
    2,
    `-- living dead |
    for _, lease in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', whole(now()))) do
      redis.call('ZREM', KEYS[1], lease)
      redis.call('SADD', KEYS[2], lease)
    end
    return redis.call('SMEMBERS', KEYS[2])`,
  ),
} satisfies Record<string, Script>;

/** The name of a script. */
export type ScriptName = keyof typeof scripts;
