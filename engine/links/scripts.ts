/** The Lua scripts of links: each is one step that must not be seen half done. */
import type { Redis } from 'ioredis';

/**
 * Takes every claim or none, and tells Redis' time in ms (0: not taken). A claim that the same owner holds counts as
 * free, so that a retry does not wait for itself.
 * KEYS claims; ARGV owner, ttl in ms
 */
const CLAIM = `
for _, key in ipairs(KEYS) do
  local owner = redis.call('GET', key)
  if owner and owner ~= ARGV[1] then return 0 end
end
for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1], 'PX', ARGV[2]) end
local now = redis.call('TIME')
return now[1] * 1000 + math.floor(now[2] / 1000)`;

/** Extends claims if all are still held: 1, else 0. KEYS claims; ARGV owner, ttl in ms */
const EXTEND = `
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) ~= ARGV[1] then return 0 end
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[2]) end
return 1`;

/** Gives claims back, those still held. KEYS claims; ARGV owner */
const RELEASE = `
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
end
return 1`;

/**
 * Records when records were first seen and puts them into the match index under their present keys.
 * KEYS seen, one index per rule; ARGV id, key per rule ('' for none), id, ...
 */
const INDEX = `
local rules = #KEYS - 1
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local i = 1
while i <= #ARGV do
  local id = ARGV[i]
  local old = redis.call('HGET', KEYS[1], id)
  local first = old and string.match(old, '^(%d+)|') or string.format('%d', ms)
  local keys = {}
  for r = 1, rules do keys[r] = ARGV[i + r] end
  local entry = first .. '|' .. table.concat(keys, '|')
  if entry ~= old then
    if old then
      local r = 0
      for key in string.gmatch(string.match(old, '|(.*)$') .. '|', '(.-)|') do
        r = r + 1
        if r <= rules and key ~= '' and key ~= keys[r] then redis.call('ZREM', KEYS[r + 1], key .. ' ' .. id) end
      end
    end
    for r = 1, rules do
      if keys[r] ~= '' then redis.call('ZADD', KEYS[r + 1], 0, keys[r] .. ' ' .. id) end
    end
    redis.call('HSET', KEYS[1], id, entry)
  end
  i = i + rules + 1
end
return 1`;

/** Forgets a record that is gone. KEYS seen, state, one index per rule; ARGV id */
const FORGET = `
local old = redis.call('HGET', KEYS[1], ARGV[1])
if old then
  local r = 0
  for key in string.gmatch((string.match(old, '|(.*)$') or '') .. '|', '(.-)|') do
    r = r + 1
    if key ~= '' and KEYS[r + 2] then redis.call('ZREM', KEYS[r + 2], key .. ' ' .. ARGV[1]) end
  end
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return 1`;

/**
 * Records a link, its base and the states of both records in one step, and clears what was held and the intents of
 * both: whatever an unanswered create made, these two records have found each other.
 * Fenced: refused when another worker recorded this link since it was read.
 * KEYS ids0, ids1, states0, states1, base, intents, held
 * ARGV id0, id1, version read ('' for a new link), base JSON, state0, state1, held JSON ('' for none)
 * Answers the new version, -1 fenced, -2 a record is linked to another one.
 */
const COMMIT = `
local other0 = redis.call('HGET', KEYS[1], ARGV[1])
local other1 = redis.call('HGET', KEYS[2], ARGV[2])
if (other0 and other0 ~= ARGV[2]) or (other1 and other1 ~= ARGV[1]) then return -2 end
local stored = redis.call('HGET', KEYS[5], ARGV[1])
local version = stored and string.match(stored, '^(%d+)|') or ''
if version ~= ARGV[3] then return -1 end
local nextVersion = (tonumber(version) or 0) + 1
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[1])
redis.call('HSET', KEYS[5], ARGV[1], string.format('%d', nextVersion) .. '|' .. ARGV[4])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[5])
redis.call('HSET', KEYS[4], ARGV[2], ARGV[6])
-- Whichever way the two came together, an open create of either is over: left standing, it would hold up others for good.
redis.call('HDEL', KEYS[6], '0/' .. ARGV[1], '1/' .. ARGV[2])
redis.call('HDEL', KEYS[7], '0/' .. ARGV[1], '1/' .. ARGV[2])
if ARGV[7] ~= '' then redis.call('HSET', KEYS[7], '0/' .. ARGV[1], ARGV[7]) end
return nextVersion`;

/** Breaks a link. KEYS ids0, ids1, states0, states1, base, held; ARGV id0, id1. Answers 1, or 0 when there was none. */
const UNLINK = `
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[2])
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[2])
redis.call('HDEL', KEYS[5], ARGV[1])
redis.call('HDEL', KEYS[6], '0/' .. ARGV[1], '1/' .. ARGV[2])
return 1`;

/** The commands as ioredis offers them once they are defined. Keys first, their number before them where it varies. */
export interface LinkCommands {
  tandemClaim(keys: number, ...args: string[]): Promise<number>;
  tandemExtend(keys: number, ...args: string[]): Promise<number>;
  tandemRelease(keys: number, ...args: string[]): Promise<number>;
  tandemIndex(keys: number, ...args: string[]): Promise<number>;
  tandemForget(keys: number, ...args: string[]): Promise<number>;
  tandemCommit(...args: string[]): Promise<number>;
  tandemUnlink(...args: string[]): Promise<number>;
}

export function withLinkCommands(redis: Redis): Redis & LinkCommands {
  redis.defineCommand('tandemClaim', { lua: CLAIM });
  redis.defineCommand('tandemExtend', { lua: EXTEND });
  redis.defineCommand('tandemRelease', { lua: RELEASE });
  redis.defineCommand('tandemIndex', { lua: INDEX });
  redis.defineCommand('tandemForget', { lua: FORGET });
  redis.defineCommand('tandemCommit', { lua: COMMIT, numberOfKeys: 7 });
  redis.defineCommand('tandemUnlink', { lua: UNLINK, numberOfKeys: 6 });
  return redis as Redis & LinkCommands;
}
