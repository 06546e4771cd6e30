--[[
  Gives claims back, those that are still held, and lets records that were taken be due again.

  KEYS[1]  see lib.lua
  ARGV     owner, due in so many ms, how many claims, claims..., record keys...
]]
-- @include lib
local owner, at, count = ARGV[1], now(), tonumber(ARGV[3])
local names, own = {}, {}
for i = 1, count do names[i] = ARGV[3 + i] end
for i, value in ipairs(many('HMGET', base .. 'claims', names)) do
  if ownerOf(value, at) == owner then own[#own + 1] = names[i] end
end
-- A record whose claim was lost is somebody else's by now.
if #own < count and #ARGV > 3 + count then
  local held = {}
  for _, name in ipairs(own) do held[name] = true end
  for i = 4 + count, #ARGV do
    if not held[ARGV[i]] then ARGV[i] = false end
  end
end
local keys = {}
for i = 4 + count, #ARGV do
  if ARGV[i] then keys[#keys + 1] = ARGV[i] end
end
local scores = {}
for i, score in ipairs(many('ZMSCORE', base .. 'dirty', keys)) do
  if isTaken(score) then
    scores[#scores + 1] = integer(at + ARGV[2])
    scores[#scores + 1] = keys[i]
  end
end
each('ZADD', base .. 'dirty', scores)
each('HDEL', base .. 'claims', own)
return #own
