--[[
  Full reads under former rules count no more, also not once these rules are in force again.

  KEYS[1]  see lib.lua: what the keys begin with
  ARGV     with what the mark of a full read under the present rules begins, what stands in place of a former one
  Answers  1 where both sides had been read and one of them under former rules, else 0
]]
local key = KEYS[1] .. 'progress'
local former, both = 0, true
for side = 0, 1 do
  local mark = redis.call('HGET', key, 'full:' .. side)
  if not mark then
    both = false
  elseif string.sub(mark, 1, #ARGV[1]) ~= ARGV[1] then
    redis.call('HSET', key, 'full:' .. side, ARGV[2])
    former = 1
  end
end
return both and former or 0
