--[[
  Ids of records without a link that have a match key, or name a counterpart.

  KEYS[1]  see lib.lua
  ARGV     per question: family of the index (free:TAG:RULE:SIDE), key, at most so many
  Answers a list of ids per question.
]]
-- @include lib
local answers = {}
for i = 1, #ARGV, 3 do
  local found = {}
  for id in string.gmatch(getIn(base, ARGV[i], ARGV[i + 1]) or '', '[^%z]+') do
    if #found >= tonumber(ARGV[i + 2]) then break end
    found[#found + 1] = id
  end
  answers[#answers + 1] = found
end
return answers
