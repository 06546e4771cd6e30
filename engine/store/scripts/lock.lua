--[[
  Puts records without a link into the index, then takes more claims for them, per request all or none: of two records that
  match each other, the second to come finds the first. A claim that the same owner holds counts as free.

  KEYS[1]  see lib.lua
  ARGV[1]  requests (msgpack), a list of: o owner, ttl in ms, c names; s side, i id and what putIndex takes of a record that
           goes into the index, unless it has a link
  Answers per request Redis' time in ms, 0 where the claims were not taken.
]]
-- @include lib
local requests, at = cmsgpack.unpack(ARGV[1]), now()
local names, held, indexes = {}, {}, {}
for _, request in ipairs(requests) do
  if request.s then indexes[#indexes + 1] = request.s .. '/' .. request.i end
end
readOpen(indexes)
for _, request in ipairs(requests) do
  if request.s and not linkOf(base, request.s, request.i) then
    putIndex(newEntry(load(request.s .. '/' .. request.i)), request, at)
  end
  for _, name in ipairs(request.c) do names[#names + 1] = name end
end
flush()
for i, value in ipairs(many('HMGET', base .. 'claims', names)) do held[names[i]] = ownerOf(value, at) end
local answers, claims = {}, {}
for i, request in ipairs(requests) do
  local free = true
  for _, name in ipairs(request.c) do
    if held[name] and held[name] ~= request.o then free = false end
  end
  answers[i] = free and at or 0
  if free then
    for _, name in ipairs(request.c) do
      held[name] = request.o
      claims[#claims + 1] = name
      claims[#claims + 1] = integer(at + request.ttl) .. ' ' .. request.o
    end
  end
end
each('HSET', base .. 'claims', claims)
return answers
