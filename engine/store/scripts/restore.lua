--[[
  Puts links, and what is known of records without one, back from a copy. What is there is never changed, and no link is
  made of a record that a worker has just now.

  KEYS[1]  see lib.lua
  ARGV[1]  request (msgpack): p, m prefix and name of the mapping, w numbers of words, dry, u:
             a, b, v, open: a link, with the fields of commit.lua
             s, i, st, open: a record without a link
  Answers per item 0 there already, 1 put back, 2 a record is linked to another one, 3 a worker has one of the records;
  { -1 } where a word is gone.
]]
-- @include lib
local request, at = cmsgpack.unpack(ARGV[1]), now()
local words = {}
for i, number in ipairs(request.w) do words[i] = integer(number) end
for _, word in ipairs(many('HMGET', base .. 'words', words)) do
  if not word then return { -1 } end
end

local function putParts(record, parts)
  for letter, text in pairs(parts) do
    if letter == 'I' then setIssue(record, text, request.p, request.m) else record.open[letter] = text end
  end
end

local function restoreLink(item)
  local first = call('HGET', base .. 'link', item.a)
  local other = getIn(base, 'rev', item.b)
  if first and otherIdOf(first) == item.b then return 0 end
  if first or other then return 2 end
  local claims = { '0/' .. item.a, '1/' .. item.b }
  for _, claim in ipairs(call('HMGET', base .. 'claims', unpack(claims))) do
    if ownerOf(claim, at) then return 3 end
  end
  if request.dry then return 1 end
  local revision = call('INCR', base .. 'revision')
  call('HSET', base .. 'link', item.a, spliced(item.v, L.revision, struct.pack('>I6I6', revision, at)))
  putIn(base, 'rev', item.b, item.a)
  useWord(setOf(item.v), 1)
  for _, key in ipairs(claims) do
    local record = load(key)
    setIssue(record, false, request.p, request.m)
    dropEntry(record)
    record.open.C = nil
  end
  putParts(load(claims[1]), item.open)
  return 1
end

local function restoreRecord(item)
  if linkOf(base, item.s, item.i) then return 2 end
  local record = load(item.s .. '/' .. item.i)
  local known = record.kind ~= '' or (record.entry and record.entry.state ~= '')
  local parts = {}
  if item.open.C and not record.open.C then parts.C = item.open.C end
  if item.open.I and not known then parts.I = item.open.I end
  if not next(parts) then return 0 end
  if request.dry then return 1 end
  if parts.I then newEntry(record).state = item.st end
  putParts(record, parts)
  return 1
end

local results, new = {}, false
for i, item in ipairs(request.u) do
  results[i] = item.a and restoreLink(item) or restoreRecord(item)
  if item.a and results[i] == 1 then new = true end
end
if new and not request.dry then
  -- Who is linked decides who could match: the full reads done so far count no more.
  call('HDEL', base .. 'progress', 'full:0', 'full:1')
  call('HSET', base .. 'progress', 'restored', '1')
end
flush()
return results
