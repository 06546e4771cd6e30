--[[
  Records what became of several units of work, each whole or not at all.

  KEYS[1]  see lib.lua
  ARGV[1]  request (msgpack):
    p, m   prefix and name of the mapping
    o      owner of the claims
    w      numbers of words that are used in values below
    r      what the keys of runs begin with; t: time as ISO 8601 text, l: lease of runs in ms
    u      units:
      c      names of claims that must be held by the owner; they are released (`x` 'keep': they are kept)
      d      record keys that leave the dirty set, unless they were marked since they were taken
      h      they do not leave it yet: for so many ms they count as taken
      k      what it came to:
        'L'    a link: a, b ids; v value (revision and creation are filled in); rev: of the link that was read, 0 for a new
               one; keep: bits 1, 2 (raw), 4, 8 (own write) of what stays as it was on side 0, 1; ky: match keys of both
               records joined, nil: as they were; kw: pending writes that
               stay, as JSON with the revision 0, in place of which the new one is put
        'U'    a record without a link: s side, i id, and what changes in its entry: seen (true: first seen now, if not
               before), n match keys joined, g tag of the rules, corr, raw, st state as packed, lv: it counts as read after
               these ms, where it was read before. `x` 'skip': not if it has a link
        'H'    the state of a record, linked or not: s, i, st as packed, s8 for a link, note (-1: as it was),
             open8: it is left open on purpose, rel: it is to be looked at again. The issue ID_REUSED of a link stays
        'X'    records are gone: s, i, with its link if it has one, or a, b of a link (rev: nil for any), or all of these
        'K'    a link ends, the records stay: a, b, rev (nil: whatever it is), ix what of 'U' concerns the index, per side, or false
        'R'    the raw record is one of a known state: s, i, raw, st and s8 as for 'H': not if the state is another one by now
        'N'    nothing of these
      open   record key -> part letter -> text, false to delete it, or for I: false or { k, j, q, w }
      rc     recent writes as stored, '' for none, with k = 'L'
      wf     { mapping, side, id, T } of records that it waits for (w) or watches (c); own: its record key
      ws, wa record keys: who waits (ws), or waits or watches (wa), is marked dirty. quiet: a new link marks nobody dirty
      mk     marks: { mapping, side, id, in ms (-1: once both sides were read fully), raw that makes it needless or '' }
      bk     id of a brake: where it is not on, the record `own` is marked dirty
      run    { place, did, link name, field, by, field, by ... }
  Answers { -1 } where a word is gone: nothing was stored. Else per unit { code, revision or 0, due time with `h` or '' }: 0 done,
  1 fenced, 2 one of the records is linked to another one, 3 a claim was lost; then { mapping, ... } of which records were marked.
]]
-- @include lib
-- @include runs
local request = cmsgpack.unpack(ARGV[1])
local units, prefix, mapping, at = request.u, request.p, request.m, now()

------------------------------------------------------------------ read

local names, firsts, opens = {}, {}, {}
for _, unit in ipairs(units) do
  for _, name in ipairs(unit.c) do names[#names + 1] = name end
  if unit.a then firsts[#firsts + 1] = unit.a end
  if unit.s == '0' then firsts[#firsts + 1] = unit.i end
  for key in pairs(unit.open or {}) do opens[#opens + 1] = key end
  if unit.k == 'U' then opens[#opens + 1] = unit.s .. '/' .. unit.i end
  if unit.k == 'L' and unit.rev == 0 then
    opens[#opens + 1] = '0/' .. unit.a
    opens[#opens + 1] = '1/' .. unit.b
  end
end
local held, values = {}, {}
for i, value in ipairs(many('HMGET', base .. 'claims', names)) do held[names[i]] = ownerOf(value, at) end
for i, value in ipairs(many('HMGET', base .. 'link', firsts)) do values[firsts[i]] = value end
-- A text that a link uses as it was read is there; others may have been deleted since they were given a number.
local used, words = {}, {}
for _, value in pairs(values) do
  if value then used[setOf(value)] = true end
end
for _, number in ipairs(request.w) do
  if not used[number] then words[#words + 1] = integer(number) end
end
for _, word in ipairs(many('HMGET', base .. 'words', words)) do
  if not word then return { -1 } end
end
readOpen(opens)

-- As `linkOf`, with what this commit has changed so far.
local function linkOfRecord(side, id)
  local first = id
  if side == '1' then first = getIn(base, 'rev', id) end
  if not first then return nil end
  if values[first] == nil then values[first] = call('HGET', base .. 'link', first) end
  if values[first] then return first, values[first] end
  return nil
end

local function verdict(unit)
  for _, name in ipairs(unit.c) do
    if held[name] ~= request.o then return 3 end
  end
  if unit.k == 'L' then
    local value = values[unit.a]
    if value and otherIdOf(value) ~= unit.b then return 2 end
    if unit.rev == 0 then
      if value then return 1 end
      if getIn(base, 'rev', unit.b) then return 2 end
    elseif not value or revisionOf(value) ~= unit.rev then
      return 1
    end
  elseif unit.k == 'X' and not unit.a then
    local first, value = linkOfRecord(unit.s, unit.i)
    if value then unit.a, unit.b = first, otherIdOf(value) end
  elseif unit.k == 'K' or unit.k == 'X' then
    local value = values[unit.a]
    if not value or otherIdOf(value) ~= unit.b then return 1 end
    if unit.rev and revisionOf(value) ~= unit.rev then return 1 end
  elseif unit.k == 'U' then
    if linkOfRecord(unit.s, unit.i) then return 1 end
  end
  return 0
end

------------------------------------------------------------------ write

local answers, linkWrites, linksGone, revision = {}, {}, {}, nil

local function nextRevision()
  if not revision then revision = call('INCRBY', base .. 'revision', #units) - #units end
  revision = revision + 1
  return revision
end

local KEEP = {
  { bit = 1, at = L.raw[1], length = 8 }, { bit = 2, at = L.raw[2], length = 8 },
  { bit = 4, at = L.own[1], length = 6 }, { bit = 8, at = L.own[2], length = 6 },
  { bit = 4, at = L.foreign[1], length = 6 }, { bit = 8, at = L.foreign[2], length = 6 },
}

local function putLink(unit)
  local old = values[unit.a] or nil
  local number = nextRevision()
  local created = old and createdOf(old) or at
  local value = spliced(unit.v, L.revision, struct.pack('>I6I6', number, created))
  if old then
    for _, one in ipairs(KEEP) do
      if math.floor(unit.keep / one.bit) % 2 == 1 then
        value = spliced(value, one.at, sub(old, one.at, one.at + one.length - 1))
      end
    end
    useWord(setOf(old), -1)
    if unit.kw then
      local record = load('0/' .. unit.a, true)
      record.open.W = string.gsub(unit.kw, '"revision":0', '"revision":' .. integer(number), 1)
    end
  else
    putIn(base, 'rev', unit.b, unit.a)
    -- Whichever way the two came together: what was open about them is settled, a create begun for either included.
    for _, key in ipairs({ '0/' .. unit.a, '1/' .. unit.b }) do
      local record = load(key)
      setIssue(record, false, prefix, mapping)
      dropEntry(record)
      record.open.D, record.open.C, record.open.U = nil, nil, nil
    end
    if not unit.quiet then
      markDependents('0/' .. unit.a, true, prefix, at)
      markDependents('1/' .. unit.b, true, prefix, at)
    end
  end
  local keys = keysOf(old)
  value = withKeys(value, unit.ky or keys)
  indexLink(keys, unit.ky or keys, unit.a)
  useWord(setOf(value), 1)
  values[unit.a] = value
  linkWrites[#linkWrites + 1] = unit.a
  linkWrites[#linkWrites + 1] = value
  return number
end

local function dropLink(unit)
  useWord(setOf(values[unit.a]), -1)
  indexLink(keysOf(values[unit.a]), '', unit.a)
  values[unit.a] = false
  linksGone[#linksGone + 1] = unit.a
  deleteIn(base, 'rev', unit.b)
  -- A page that was requested before shows records that this end may have deleted.
  call('SET', base .. 'ended', integer(nextRevision()))
end

local function putUnlinked(unit)
  local key = unit.s .. '/' .. unit.i
  local entry = newEntry(load(key))
  putIndex(entry, unit, at)
  if unit.lv and entry.seen > 0 and entry.seen <= unit.lv - EPOCH then entry.seen = unit.lv - EPOCH + 1 end
  if unit.raw then entry.raw = unit.raw end
  if unit.st then entry.state = unit.st end
end

local function putState(unit)
  local first, value = linkOfRecord(unit.s, unit.i)
  if not value then
    local entry = load(unit.s .. '/' .. unit.i).entry
    -- One that was left open on purpose stays so.
    if unit.rel and entry and entry.state == '\0' then unit.st = nil end
    unit.raw = NONE
    return putUnlinked(unit)
  end
  local side = tonumber(unit.s)
  local flags = byte(value, L.flags)
  local shift = side == 0 and 1 or 4
  local note = math.floor(flags / shift) % 4
  local wanted = unit.note < 0 and note or unit.note
  -- A state that was left open on purpose stays open, also where nothing more is noted.
  if unit.note < 0 and note == 0 and unit.open8 then wanted = 2 end
  value = spliced(value, L.flags, string.char(flags + (wanted - note) * shift))
  value = spliced(value, L.synced[side + 1], unit.s8)
  value = spliced(value, L.raw[side + 1], NONE)
  values[first] = value
  linkWrites[#linkWrites + 1] = first
  linkWrites[#linkWrites + 1] = value
end

local function putRaw(unit)
  local first, value = linkOfRecord(unit.s, unit.i)
  if value then
    local at = L.synced[tonumber(unit.s) + 1]
    if sub(value, at, at + 7) ~= unit.s8 then return end
    values[first] = spliced(value, L.raw[tonumber(unit.s) + 1], unit.raw)
    linkWrites[#linkWrites + 1] = first
    linkWrites[#linkWrites + 1] = values[first]
  else
    local entry = load(unit.s .. '/' .. unit.i).entry
    if entry and entry.state == unit.st then entry.raw = unit.raw end
  end
end

local function remove(unit)
  local gone = {}
  if unit.a then
    dropLink(unit)
    gone = { '0/' .. unit.a, '1/' .. unit.b }
  end
  if unit.s then gone[#gone + 1] = unit.s .. '/' .. unit.i end
  for _, key in ipairs(gone) do
    local record = load(key)
    setIssue(record, false, prefix, mapping)
    dropEntry(record)
    record.open.D, record.open.W, record.open.U = nil, nil, nil
  end
end

local function endLink(unit)
  dropLink(unit)
  for i, key in ipairs({ '0/' .. unit.a, '1/' .. unit.b }) do
    local record = load(key)
    setIssue(record, false, prefix, mapping)
    record.open.D, record.open.W, record.open.U = nil, nil, nil
    if unit.ix and unit.ix[i] then putIndex(newEntry(record), unit.ix[i], at) end
  end
end

-- That an id was given again may stand nowhere else than in the issue of its link.
local function saysReused(value) return value and string.find(value, '"ID_REUSED"', 1, true) ~= nil end

local function putOpen(unit)
  for key, parts in pairs(unit.open or {}) do
    local linked = unit.k == 'L' and (key == '0/' .. unit.a or key == '1/' .. unit.b)
    local record = load(key, linked)
    for letter, text in pairs(parts) do
      if letter == 'I' then
        -- Without an entry there is nowhere to keep a quiet issue compactly, unless the record has no link.
        if text and text.q and not record.entry and not linkOfRecord(record.side, record.id) then newEntry(record) end
        -- Only a look knows whether that is over, and what 'H' says comes of none.
        local stays = unit.k == 'H' and saysReused(record.open.I) and linkOfRecord(record.side, record.id)
        if not stays then setIssue(record, text, prefix, mapping) end
      else
        record.open[letter] = text or nil
      end
    end
  end
end

-- Whether a link is of a record that has the id of another one: nobody goes by it, until a person has ended it.
local function isReused(there, first)
  return saysReused(call('HGET', there .. 'open', '0/' .. first))
end

local function waitFor(unit)
  for _, ref in ipairs(unit.wf or {}) do
    local side, id = sub(unit.own, 1, 1), sub(unit.own, 3)
    local there = prefix .. ':{' .. ref[1] .. '}:'
    addMember(there, familyOf(ref[2], ref[4], mapping, side), ref[3], id)
    -- It was linked between its reading and this: nobody else would mark it.
    local linked = false
    if ref[4] == 'w' then
      if there == base then linked = linkOfRecord(ref[2], ref[3]) else linked = linkOf(there, ref[2], ref[3]) end
    end
    if linked and not isReused(there, linked) then mark(base, unit.own, at) end
  end
end

local rooms = {}

local function markOthers(unit)
  for _, key in ipairs(unit.ws or {}) do markDependents(key, false, prefix, at) end
  for _, key in ipairs(unit.wa or {}) do markDependents(key, true, prefix, at) end
  for _, one in ipairs(unit.mk or {}) do
    local there = prefix .. ':{' .. one[1] .. '}:'
    local known = false
    if one[5] ~= '' then
      local _, value = linkOf(there, one[2], one[3])
      if value then
        known = sub(value, L.raw[one[2] + 1], L.raw[one[2] + 1] + 7) == one[5]
      else
        local entry = getIn(there, 'unlinked:' .. one[2], one[3])
        known = entry and sub(entry, 10, 17) == one[5]
      end
    end
    if one[4] < 0 then
      local room = there .. 'waiting-room:' .. one[2]
      rooms[room] = rooms[room] or {}
      table.insert(rooms[room], one[3])
    elseif not known then
      mark(there, one[2] .. '/' .. one[3], at + one[4])
    end
  end
end

local apply = { L = putLink, U = putUnlinked, H = putState, R = putRaw, X = remove, K = endLink, N = function() end }
local done = {}
for i, unit in ipairs(units) do
  local code = verdict(unit)
  if code == 1 and unit.x == 'skip' then
    answers[i] = { 0, 0, '' }
  elseif code ~= 0 then
    answers[i] = { code, 0, '' }
  else
    local number = apply[unit.k](unit)
    putOpen(unit)
    waitFor(unit)
    markOthers(unit)
    -- Who took the brake off a moment ago did not see this record among those that wait for it.
    if unit.bk and call('HGET', base .. 'brake', 'id') ~= unit.bk then mark(base, unit.own, at) end
    done[#done + 1] = unit
    unit.answer = { 0, number or 0, '' }
    answers[i] = unit.answer
  end
end
for room, ids in pairs(rooms) do each('SADD', room, ids) end
each('HDEL', base .. 'link', linksGone)
each('HSET', base .. 'link', linkWrites)

------------------------------------------------------------------ recent writes, claims, the dirty set, runs

local RECENT = 300000
local KEPT = 50000
local recent, forgotten = {}, {}
for _, unit in ipairs(done) do
  -- Those of a link that has ended say nothing about the next one of the same record.
  if unit.rc == '' or unit.k == 'K' or unit.k == 'X' then
    forgotten[#forgotten + 1] = unit.a
  elseif unit.rc then
    recent[#recent + 1] = unit.a
    recent[#recent + 1] = unit.rc
  end
end
local period = math.floor(at / RECENT)
if #forgotten > 0 then
  for back = 0, 3 do each('HDEL', base .. 'recent:' .. integer(period - back), forgotten) end
end
if #recent > 0 then
  local key = base .. 'recent:' .. integer(period)
  local before = call('HLEN', key)
  if before < KEPT then each('HSET', key, recent) end
  if before == 0 then call('PEXPIRE', key, 4 * RECENT) end
end

local released, worked, owners = {}, {}, {}
for _, unit in ipairs(done) do
  for _, key in ipairs(unit.d) do
    worked[#worked + 1] = key
    owners[key] = unit
  end
end
-- Read before the marks of this commit are set: those count as new work anyway.
local stays, leaves, again = {}, {}, {}
for i, score in ipairs(many('ZMSCORE', base .. 'dirty', worked)) do
  local key = worked[i]
  if marks[base] and marks[base][key] then
    stays[key] = true
  elseif score and not isTaken(score) then
    stays[key] = true
    again[#again + 1] = integer(at)
    again[#again + 1] = key
  elseif score and owners[key].h then
    local due = format('%.1f', at + owners[key].h + 0.5)
    owners[key].answer[3] = due
    again[#again + 1] = due
    again[#again + 1] = key
  elseif score then
    leaves[#leaves + 1] = key
  end
end
each('ZREM', base .. 'dirty', leaves)
each('HDEL', base .. 'dirty:events', leaves)
each('ZADD', base .. 'dirty', again)
for _, unit in ipairs(done) do
  if unit.x ~= 'keep' then
    for _, name in ipairs(unit.c) do released[#released + 1] = name end
  end
end
each('HDEL', base .. 'claims', released)
flush()
if request.r then
  expectMarks(request, prefix)
  finishRuns(request, done, stays)
end
local marked = {}
for there in pairs(marks) do marked[#marked + 1] = sub(there, #prefix + 3, -3) end
answers[#answers + 1] = marked
return answers
