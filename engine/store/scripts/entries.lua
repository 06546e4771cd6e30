--[[
  Some of the records without a link of a side, or of those that wait for links, bucket by bucket.

  KEYS[1]  see lib.lua
  ARGV     side, bucket to begin with, 'waiting' (those that wait, each with its issue), 'issue' (only those with an issue), or `unseen` with the key of a SET: only those whose id
           is not in it and that are not known to be orphaned
  Answers { next bucket or -1, id, entry, ... }.
]]
-- @include lib
local waiting = ARGV[3] == 'waiting'
local family = (waiting and 'waiting:' or 'unlinked:') .. ARGV[1]
local buckets = tonumber(sizesOf(base)[family .. '/n'] or 1)
local at = tonumber(ARGV[2])
local found = {}
local looked = 0
while at < buckets and looked < 2000 do
  local flat = call('HGETALL', base .. family .. ':' .. integer(at))
  local ids = {}
  for i = 1, #flat, 2 do ids[#ids + 1] = flat[i] end
  local seen = ARGV[3] == 'unseen' and many('SMISMEMBER', ARGV[4], ids) or {}
  for i, id in ipairs(ids) do
    local value = flat[2 * i]
    local issue = waiting and value or parseUnlinked(value).issue
    local fits = issue ~= ''
    if ARGV[3] == 'unseen' then fits = seen[i] == 0 and sub(issue, 1, 1) ~= 'o' end
    if fits then
      found[#found + 1] = id
      found[#found + 1] = value
    end
  end
  looked = looked + #ids
  at = at + 1
end
return { at < buckets and at or -1, unpack(found) }
