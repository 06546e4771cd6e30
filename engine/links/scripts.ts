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

/**
 * A record is none of the first sync any more: from now on it counts as seen just after that.
 * KEYS seen, progress; ARGV id, field of the time when both sides had been read fully once
 */
const LEAVE = `
local old = redis.call('HGET', KEYS[1], ARGV[1])
local read = tonumber(redis.call('HGET', KEYS[2], ARGV[2]) or '')
if old and read and tonumber(string.match(old, '^%d+')) <= read then
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%d', read + 1) .. string.match(old, '|.*$'))
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
 * A new link ends what was decided of the records without one.
 * KEYS ids0, ids1, states0, states1, base, intents, held, decided
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
if version == '' then redis.call('HDEL', KEYS[8], '0/' .. ARGV[1], '1/' .. ARGV[2]) end
if ARGV[7] ~= '' then redis.call('HSET', KEYS[7], '0/' .. ARGV[1], ARGV[7]) end
return nextVersion`;

/** Breaks a link. KEYS ids0, ids1, states0, states1, base, held, decided; ARGV id0, id1. Answers 1, or 0 when there was none. */
const UNLINK = `
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[2])
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[2])
redis.call('HDEL', KEYS[5], ARGV[1])
redis.call('HDEL', KEYS[6], '0/' .. ARGV[1], '1/' .. ARGV[2])
redis.call('HDEL', KEYS[7], '0/' .. ARGV[1], '1/' .. ARGV[2])
return 1`;

/**
 * Puts links back: link keys, base, states and what was held together, as COMMIT does. One that is there already is never
 * changed, and none is made of a record that a worker has just now. With the first, the full reads done so far count no
 * more: who was linked decides who could match.
 * KEYS ids0, ids1, states0, states1, base, intents, held, progress, two claims per link
 * ARGV '1' to only tell; per link: id0, id1, base as stored, state0, state1, held JSON ('' for none)
 * Answers per link 0 there already, 1 put back, 2 a record is linked to another one, 3 a worker has one of the records.
 */
const RESTORE_LINKS = `
local results = {}
local new = false
local dry = ARGV[1] == '1'
for n = 1, (#ARGV - 1) / 6 do
  local at = 1 + (n - 1) * 6
  local a, b = ARGV[at + 1], ARGV[at + 2]
  local other0 = redis.call('HGET', KEYS[1], a)
  local other1 = redis.call('HGET', KEYS[2], b)
  if other0 == b and other1 == a then
    results[n] = 0
  elseif (other0 and other0 ~= b) or (other1 and other1 ~= a) then
    results[n] = 2
  elseif redis.call('EXISTS', KEYS[7 + 2 * n], KEYS[8 + 2 * n]) > 0 then
    results[n] = 3
  else
    results[n] = 1
    new = true
    if not dry then
      redis.call('HSET', KEYS[1], a, b)
      redis.call('HSET', KEYS[2], b, a)
      redis.call('HSET', KEYS[3], a, ARGV[at + 4])
      redis.call('HSET', KEYS[4], b, ARGV[at + 5])
      redis.call('HSET', KEYS[5], a, ARGV[at + 3])
      redis.call('HDEL', KEYS[6], '0/' .. a, '1/' .. b)
      redis.call('HDEL', KEYS[7], '0/' .. a, '1/' .. b)
      if ARGV[at + 6] ~= '' then redis.call('HSET', KEYS[7], '0/' .. a, ARGV[at + 6]) end
    end
  end
end
if new and not dry then
  for _, field in ipairs(redis.call('HKEYS', KEYS[8])) do
    if string.sub(field, 1, 5) == 'full:' then redis.call('HDEL', KEYS[8], field) end
  end
  redis.call('HSET', KEYS[8], 'restored', '1')
end
return results`;

/**
 * Puts back what is known of records without a link, where nothing is known of them.
 * KEYS ids0, ids1, states0, states1, held, intents
 * ARGV '1' to only tell; per record: side, id, state, held JSON, intent JSON ('' for none)
 * Answers per record 0 something is known already, 1 put back, 2 it has a link.
 */
const RESTORE_RECORDS = `
local results = {}
local dry = ARGV[1] == '1'
for n = 1, (#ARGV - 1) / 5 do
  local at = 1 + (n - 1) * 5
  local side, id = tonumber(ARGV[at + 1]), ARGV[at + 2]
  local record = ARGV[at + 1] .. '/' .. id
  results[n] = 0
  if redis.call('HEXISTS', KEYS[1 + side], id) == 1 then
    results[n] = 2
  else
    if ARGV[at + 4] ~= '' and redis.call('HEXISTS', KEYS[3 + side], id) == 0 and redis.call('HEXISTS', KEYS[5], record) == 0 then
      results[n] = 1
      if not dry then
        redis.call('HSET', KEYS[3 + side], id, ARGV[at + 3])
        redis.call('HSET', KEYS[5], record, ARGV[at + 4])
      end
    end
    if ARGV[at + 5] ~= '' and redis.call('HEXISTS', KEYS[6], record) == 0 then
      results[n] = 1
      if not dry then redis.call('HSET', KEYS[6], record, ARGV[at + 5]) end
    end
  end
end
return results`;

/** The commands as ioredis offers them once they are defined. Keys first, their number before them where it varies. */
export interface LinkCommands {
  tandemClaim(keys: number, ...args: string[]): Promise<number>;
  tandemExtend(keys: number, ...args: string[]): Promise<number>;
  tandemRelease(keys: number, ...args: string[]): Promise<number>;
  tandemIndex(keys: number, ...args: string[]): Promise<number>;
  tandemLeave(...args: string[]): Promise<number>;
  tandemForget(keys: number, ...args: string[]): Promise<number>;
  tandemCommit(...args: string[]): Promise<number>;
  tandemUnlink(...args: string[]): Promise<number>;
  tandemRestoreLinks(keys: number, ...args: string[]): Promise<number[]>;
  tandemRestoreRecords(...args: string[]): Promise<number[]>;
}

export function withLinkCommands(redis: Redis): Redis & LinkCommands {
  redis.defineCommand('tandemClaim', { lua: CLAIM });
  redis.defineCommand('tandemExtend', { lua: EXTEND });
  redis.defineCommand('tandemRelease', { lua: RELEASE });
  redis.defineCommand('tandemIndex', { lua: INDEX });
  redis.defineCommand('tandemLeave', { lua: LEAVE, numberOfKeys: 2 });
  redis.defineCommand('tandemForget', { lua: FORGET });
  redis.defineCommand('tandemCommit', { lua: COMMIT, numberOfKeys: 8 });
  redis.defineCommand('tandemUnlink', { lua: UNLINK, numberOfKeys: 7 });
  redis.defineCommand('tandemRestoreLinks', { lua: RESTORE_LINKS });
  redis.defineCommand('tandemRestoreRecords', { lua: RESTORE_RECORDS, numberOfKeys: 6 });
  return redis as Redis & LinkCommands;
}
