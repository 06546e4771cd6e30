--[[
  Takes the brake off, and begins to count from nothing.

  KEYS[1]  see lib.lua
  ARGV     id of the brake, `ANSWER|KIND` that is kept for the records it blocked, or '', kind
  Answers 0 where it was off.
]]
-- @include lib
-- Longer than any record stays blocked by a brake that was answered: 90 days.
local KEPT_MS = 90 * 86400000
local brake = base .. 'brake'
if call('HGET', brake, 'id') ~= ARGV[1] then return 0 end
if ARGV[2] ~= '' then
  local answers, at = brake .. ':answers', now()
  for id, text in pairs(toTable(call('HGETALL', answers))) do
    if at - tonumber(string.match(text, '%d+$')) > KEPT_MS then call('HDEL', answers, id) end
  end
  call('HSET', answers, ARGV[1], ARGV[2] .. '|' .. integer(at))
end
call('DEL', brake, brake .. ':missing', brake .. ':consumed:' .. ARGV[3])
if ARGV[3] == 'creates' then call('DEL', brake .. ':consumed:firstSync') end
return 1
