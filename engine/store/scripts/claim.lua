--[[
  Takes every claim or none. A claim that the same owner holds counts as free, so that another try does not wait for itself.

  KEYS[1]  see lib.lua
  ARGV     owner, ttl in ms, how, names...; how is 'take', or 'work': only if all are held by the owner, and the records of these names that were taken from the dirty set come back that much later
  Answers Redis' time in ms, 0 where they were not taken.
]]
-- @include lib
local owner, at = ARGV[1], now()
local names, pairsOf = {}, {}
for i = 4, #ARGV do names[#names + 1] = ARGV[i] end
for _, value in ipairs(many('HMGET', base .. 'claims', names)) do
  local held = ownerOf(value, at)
  if held and held ~= owner then return 0 end
  if ARGV[3] ~= 'take' and not held then return 0 end
end
for _, name in ipairs(names) do
  pairsOf[#pairsOf + 1] = name
  pairsOf[#pairsOf + 1] = integer(at + ARGV[2]) .. ' ' .. owner
end
each('HSET', base .. 'claims', pairsOf)
if ARGV[3] == 'work' then
  -- Records that are being worked on come back by themselves when their claims end, not before.
  local moved = {}
  for i, score in ipairs(many('ZMSCORE', base .. 'dirty', names)) do
    if isTaken(score) then
      moved[#moved + 1] = format('%.1f', at + ARGV[2] + 0.5)
      moved[#moved + 1] = names[i]
    end
  end
  each('ZADD', base .. 'dirty', moved)
end
return at
