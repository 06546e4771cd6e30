/** The Lua scripts of runs, as commands of a connection. */
import type { Redis } from 'ioredis';

/**
 * How long a run that shows no sign of life stands in the way of a new one, in ms: the process that began it may have
 * died before its job was queued.
 */
export const LEASE = 300_000;

/**
 * Ends the runs of a group once every scan of it is over and nothing it expects is pending: what one mapping writes may
 * give another one work, so they end together.
 */
const END = `
local function endGroup(prefix, group, now)
  if redis.call('HGET', prefix .. group, 'open') ~= '0' or redis.call('SCARD', prefix .. group .. ':pending') > 0 then return 0 end
  for _, id in ipairs(redis.call('SMEMBERS', prefix .. group .. ':members')) do
    if redis.call('HGET', prefix .. id, 'state') == 'working' then redis.call('HSET', prefix .. id, 'state', 'done', 'finished', now) end
    redis.call('SREM', prefix .. 'active:' .. redis.call('HGET', prefix .. id, 'mapping'), id)
  end
  return 1
end
`;

/** What stands in the way of another run of the same kind stays: its key is stored with the run. */
const KEEP = `
local function keep(run, ms)
  local lease = redis.call('HGET', run, 'lease')
  return lease and redis.call('PEXPIRE', lease, ms) or 0
end
`;

/**
 * Ends the work on records, several at once: they leave the dirty set unless they were marked again meanwhile, are taken
 * off what the active runs of their mapping wait for, and their outcomes are counted there.
 * A record that was marked again stays waited for: it is looked at once more. What the first look did counts, what the
 * further one finds counts only if that is something. A record that waits, failed or is in review may come back within the
 * same run: it counts where it was last. One that is in retry is waited for no longer, but counts in its run once it ends,
 * also after the run is over.
 * KEYS dirty set, set of active runs, set of runs with records in retry, set of records that did something and are looked
 * at once more
 * ARGV prefix, mapping, now; per record: record, lease ('' for one that was not taken from the set), where it is
 * ('' for nowhere), the name that its link goes by, 1 where something was done, number of pairs, pairs of field and increment
 * Answers per record 1 where it left the set, 0 where it is looked at once more.
 */
const FINISH = `${END}${KEEP}
local runs = {}
local function add(ids, active)
  for _, id in ipairs(ids) do
    if not runs[id] then
      local run = ARGV[1] .. id
      local group = redis.call('HGET', run, 'group')
      if group then runs[id] = { key = run, group = group, pending = active and ARGV[1] .. group .. ':pending', sums = {}, touched = false } end
    end
  end
end
add(redis.call('SMEMBERS', KEYS[2]), true)
add(redis.call('SMEMBERS', KEYS[3]), false)
local places = { 'waiting', 'review', 'failed' }
local result = {}
local i = 4
while i <= #ARGV do
  local record, lease, place, name, did, pairs_ = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4] == '1', tonumber(ARGV[i + 5])
  local score = redis.call('ZSCORE', KEYS[1], record)
  local again = score and (lease == '' or tonumber(score) ~= tonumber(lease)) and true or false
  if score and not again then
    redis.call('ZREM', KEYS[1], record)
    redis.call('HDEL', KEYS[1] .. ':events', record)
  end
  result[#result + 1] = again and 0 or 1
  if next(runs) then
    local before = redis.call('SISMEMBER', KEYS[4], record) == 1
    if not again then
      if before then redis.call('SREM', KEYS[4], record) end
    elseif did then redis.call('SADD', KEYS[4], record) end
    for id, run in pairs(runs) do
      local member = ARGV[2] .. '|' .. record
      local waited = run.pending and redis.call('SISMEMBER', run.pending, member) == 1
      local retried = not waited and redis.call('SISMEMBER', run.key .. ':retrying', record) == 1
      if waited or retried then
        run.touched = true
        if waited and not again then
          redis.call('SREM', run.pending, member)
          run.sums.done = (run.sums.done or 0) + 1
        end
        if did or not (again or before) then
          for at = i + 6, i + 5 + 2 * pairs_, 2 do run.sums[ARGV[at]] = (run.sums[ARGV[at]] or 0) + ARGV[at + 1] end
        end
        redis.call('SREM', run.key .. ':retrying', record)
        for _, one in ipairs(places) do redis.call('SREM', run.key .. ':' .. one, record, name) end
        if place == 'retrying' then
          redis.call('SADD', run.key .. ':retrying', record)
          redis.call('SADD', KEYS[3], id)
        elseif place ~= '' then redis.call('SADD', run.key .. ':' .. place, name) end
      end
    end
  end
  i = i + 6 + 2 * pairs_
end
for id, run in pairs(runs) do
  if run.touched then
    for field, sum in pairs(run.sums) do redis.call('HINCRBY', run.key, field, sum) end
    keep(run.key, ${LEASE})
    if run.pending then endGroup(ARGV[1], run.group, ARGV[3]) end
    if redis.call('SCARD', run.key .. ':retrying') == 0 then redis.call('SREM', KEYS[3], id) end
  end
end
return result`;

/**
 * A run's own scan begins, or begins again after a crash: what it counted before is forgotten. One whose scan is over
 * already is left as it is: its job was taken over from a worker that was only slow. One that failed is tried once more.
 * KEYS run, set of active runs; ARGV prefix, id, now. Answers 0 where the scan is over.
 */
const SCANNING = `${KEEP}
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'failed' then redis.call('HINCRBY', ARGV[1] .. redis.call('HGET', KEYS[1], 'group'), 'open', 1)
elseif state ~= 'queued' and state ~= 'scanning' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'scanning', 'started', ARGV[3], 'read:0', '0', 'read:1', '0')
redis.call('HDEL', KEYS[1], 'finished', 'reason', 'unidentified:0', 'unidentified:1')
redis.call('SADD', KEYS[2], ARGV[2])
keep(KEYS[1], ${LEASE})
return 1`;

/** The run that was the one of its kind is over. One that took its place meanwhile stays. KEYS current run of the kind; ARGV id */
const OVER = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/** The run is under way. KEYS run; ARGV for how many ms it is to stay the one of its kind */
const KEEPING = `${KEEP}
return keep(KEYS[1], ARGV[1])`;

/** A run's own scan is over, well or not. KEYS run; ARGV prefix, id, now, new state, reason */
const SCANNED = `${END}
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'queued' and state ~= 'scanning' then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[4])
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'reason', ARGV[5]) end
if ARGV[4] == 'failed' then redis.call('HSET', KEYS[1], 'finished', ARGV[3]) end
local group = redis.call('HGET', KEYS[1], 'group')
redis.call('HINCRBY', ARGV[1] .. group, 'open', -1)
return endGroup(ARGV[1], group, ARGV[3])`;

/**
 * These records are a run's to wait for, while it is not over.
 * KEYS run, set of active runs; ARGV prefix, run, mapping, 1 where rejected writes are only tried again, records... Answers how many
 * are new.
 */
const EXPECT = `
local group = redis.call('HGET', KEYS[1], 'group')
if not group or redis.call('SISMEMBER', KEYS[2], ARGV[2]) == 0 then return 0 end
local members = {}
for i = 5, #ARGV do members[#members + 1] = ARGV[3] .. '|' .. ARGV[i] end
local added = redis.call('SADD', ARGV[1] .. group .. ':pending', unpack(members))
redis.call('HINCRBY', KEYS[1], 'work', added)
if ARGV[4] == '1' then redis.call('HINCRBY', KEYS[1], 'retried', added) end
return added`;

/** A run joins its group, once: a command that is sent again after a lost answer must not count twice. KEYS members, group; ARGV run */
const JOIN = `
if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then redis.call('HINCRBY', KEYS[2], 'open', 1) end
return 1`;

export interface RunCommands {
  tandemRunFinish(...args: string[]): Promise<number[]>;
  tandemRunScanning(...args: string[]): Promise<number>;
  tandemRunScanned(...args: string[]): Promise<number>;
  tandemRunOver(...args: string[]): Promise<number>;
  tandemRunKeep(...args: string[]): Promise<number>;
  tandemRunExpect(...args: string[]): Promise<number>;
  tandemRunJoin(...args: string[]): Promise<number>;
}

export function defineRunScripts(connection: Redis): Redis & RunCommands {
  connection.defineCommand('tandemRunFinish', { lua: FINISH, numberOfKeys: 4 });
  connection.defineCommand('tandemRunScanning', { lua: SCANNING, numberOfKeys: 2 });
  connection.defineCommand('tandemRunScanned', { lua: SCANNED, numberOfKeys: 1 });
  connection.defineCommand('tandemRunOver', { lua: OVER, numberOfKeys: 1 });
  connection.defineCommand('tandemRunKeep', { lua: KEEPING, numberOfKeys: 1 });
  connection.defineCommand('tandemRunExpect', { lua: EXPECT, numberOfKeys: 2 });
  connection.defineCommand('tandemRunJoin', { lua: JOIN, numberOfKeys: 2 });
  return connection as Redis & RunCommands;
}
