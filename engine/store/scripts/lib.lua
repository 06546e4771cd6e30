--[[
  What the scripts of a mapping's store share. It is put in front of each of them.

  KEYS[1]  what all keys of the mapping begin with: PREFIX:{MAPPING}:
           Every other key is made from it: all keys of an installation are in one slot (docs/decisions/0031).

  Names of keys behind KEYS[1], and their content:
    link         HASH id on side 0 -> link value (engine/store/link-codec.ts)
    rev:N        HASH id on side 1 -> id on side 0, in buckets
    unlinked:S:N HASH id -> entry of a record without a link (engine/store/unlinked-codec.ts), in buckets
    free:T:R:S:N HASH match key -> ids of records without a link, joined by a zero byte; T: tag of the rules, R: number of
                 the rule or `c` for the correlation id, S: side; in buckets
    waiting:S:N  HASH id -> issue of a record that waits for links (engine/store/waiting-codec.ts), in buckets
    dependents:S:K:T:MAPPING:N
                 ZSET of `ID\0OTHER`, all scores 0: record OTHER on side T of MAPPING waits for (K = w) or watches (K = c) record
                 ID on side S; in buckets by ID
    linked:N     HASH beginning of a match key (3 bytes) -> ids on side 0 of links whose records have such a one, joined by a zero byte; in buckets
    open         HASH record key -> lines: I issue (its kind, then JSON), D decision, W pending writes, C pending create,
                 U unsettled properties, J failed job
    issues       HASH kind -> how many records have such an issue; issues:KIND SET of record keys, of kinds that are few
    creates:S    SET of ids with a pending create
    dirty        ZSET of record keys by due time in ms; half a millisecond is added while a record is being worked on
    claims       HASH name -> `END OWNER`, END in ms
    words        HASH number -> text (definition sets, issues), `#number` -> how often it is used, `next` -> number given last
    sizes        HASH family of buckets -> entries, `FAMILY/n` -> buckets
    revision     STRING: number of the last commit of a link
    ended        STRING: the revision at which a link ended last
  A record key is `SIDE/ID`.
]]
local base = KEYS[1]
local call = redis.call
local sub, byte, find, format, match = string.sub, string.byte, string.find, string.format, string.match
local NONE = string.rep('\0', 8)
-- Times of records without a link count from 2020-01-01: five bytes last until 2054.
local EPOCH = 1577836800000

local function now()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function integer(number) return format('%.0f', number) end

-- Lua cannot pass more than some thousand arguments at once; `step` is even, so that pairs stay together.
local function each(command, key, list)
  for i = 1, #list, 4000 do call(command, key, unpack(list, i, math.min(i + 3999, #list))) end
end

local function many(command, key, list)
  local values = {}
  for i = 1, #list, 4000 do
    for _, value in ipairs(call(command, key, unpack(list, i, math.min(i + 3999, #list)))) do values[#values + 1] = value end
  end
  return values
end

local function toTable(flat)
  local map = {}
  for i = 1, #flat, 2 do map[flat[i]] = flat[i + 1] end
  return map
end

------------------------------------------------------------------ buckets
-- A family of hashes that stay small enough to be stored as lists (hash-max-listpack-entries: 128 by default), however
-- many entries there are: with more than 64 entries per bucket on average, one bucket is split in two (linear hashing).

local PER_BUCKET = 64
local sizes = {}
local resized = {}

local function sizesOf(at)
  if not sizes[at] then sizes[at] = toTable(call('HGETALL', at .. 'sizes')) end
  return sizes[at]
end

-- The largest power of two up to n.
local function powerUpTo(n)
  local power = 1
  while power * 2 <= n do power = power * 2 end
  return power
end

local function hashOf(field) return tonumber(sub(redis.sha1hex(field), 1, 6), 16) end

local function bucketKey(at, family, field)
  local n = tonumber(sizesOf(at)[family .. '/n'] or 1)
  local power = powerUpTo(n)
  local hash = hashOf(field)
  local bucket = hash % (power * 2)
  if bucket >= n then bucket = hash % power end
  return at .. family .. ':' .. integer(bucket)
end

-- A key that has once held more entries than a list takes stays a table, however few are left: it is written again.
local function rewrite(put, from, to, kept, moved)
  each(put, to, moved)
  call('DEL', from)
  each(put, from, kept)
end

-- Members of a sorted set go by what stands in front of their first zero byte, so that those of one record stay together.
local function splitSet(from, to, belongs)
  local lists = { [true] = {}, [false] = {} }
  for _, member in ipairs(call('ZRANGE', from, 0, -1)) do
    local list = lists[belongs(match(member, '^[^%z]*'))]
    list[#list + 1] = 0
    list[#list + 1] = member
  end
  if #lists[true] > 0 then rewrite('ZADD', from, to, lists[false], lists[true]) end
end

local function splitHash(from, to, belongs)
  local lists, flat = { [true] = {}, [false] = {} }, call('HGETALL', from)
  for i = 1, #flat, 2 do
    local list = lists[belongs(flat[i])]
    list[#list + 1] = flat[i]
    list[#list + 1] = flat[i + 1]
  end
  if #lists[true] > 0 then rewrite('HSET', from, to, lists[false], lists[true]) end
end

local function splitOne(at, family, n)
  local power = powerUpTo(n)
  local split = sub(family, 1, 11) == 'dependents:' and splitSet or splitHash
  split(at .. family .. ':' .. integer(n - power), at .. family .. ':' .. integer(n), function(field)
    return hashOf(field) % (power * 2) == n
  end)
end

local function resize(at, family, by)
  local known = sizesOf(at)
  local entries = tonumber(known[family] or 0) + by
  local n = tonumber(known[family .. '/n'] or 1)
  known[family] = entries
  resized[at] = resized[at] or {}
  resized[at][family] = true
  while entries > n * PER_BUCKET do
    splitOne(at, family, n)
    n = n + 1
    known[family .. '/n'] = n
  end
end

local function getIn(at, family, field)
  -- A family without entries has no size, and is not looked into.
  if not sizesOf(at)[family] then return false end
  return call('HGET', bucketKey(at, family, field), field)
end

local function putIn(at, family, field, value)
  if call('HSET', bucketKey(at, family, field), field, value) == 1 then resize(at, family, 1) end
end

local function deleteIn(at, family, field)
  if call('HDEL', bucketKey(at, family, field), field) == 1 then resize(at, family, -1) end
end

local function hasFamily(at, family) return sizesOf(at)[family] ~= nil end

-- Members of a sorted set in buckets: `ID\0REST`.
local function addMember(at, family, id, rest)
  if call('ZADD', bucketKey(at, family, id), 0, id .. '\0' .. rest) == 1 then resize(at, family, 1) end
end

local function dropMember(at, family, id, rest)
  if call('ZREM', bucketKey(at, family, id), id .. '\0' .. rest) == 1 then resize(at, family, -1) end
end

local function membersOf(at, family, id)
  return call('ZRANGEBYLEX', bucketKey(at, family, id), '[' .. id .. '\0', '(' .. id .. '\1')
end

local function dropMembers(at, family, id, members)
  if #members == 0 then return end
  each('ZREM', bucketKey(at, family, id), members)
  resize(at, family, -#members)
end

local function flushSizes()
  for at, families in pairs(resized) do
    local known, set = sizes[at], {}
    for family in pairs(families) do
      if known[family] > 0 then
        for _, field in ipairs({ family, family .. '/n' }) do
          set[#set + 1] = field
          set[#set + 1] = integer(known[field] or 1)
        end
      else
        call('HDEL', at .. 'sizes', family, family .. '/n')
      end
    end
    if #set > 0 then call('HSET', at .. 'sizes', unpack(set)) end
  end
end

------------------------------------------------------------------ words: texts that many values share

local wordUses = {}

local function useWord(number, by)
  if number > 0 then wordUses[number] = (wordUses[number] or 0) + by end
end

local function flushWords()
  for number, by in pairs(wordUses) do
    if by ~= 0 and call('HINCRBY', base .. 'words', '#' .. integer(number), by) <= 0 then
      call('HDEL', base .. 'words', integer(number), '#' .. integer(number))
    end
  end
end

------------------------------------------------------------------ links
-- Offsets of engine/store/link-codec.ts, counted from 1.

local L = { flags = 2, revision = 3, created = 9, set = 15, synced = { 19, 27 }, raw = { 35, 43 }, own = { 51, 57 },
  foreign = { 63, 69 }, id = 75 }

local function revisionOf(value) return (struct.unpack('>I6', value, L.revision)) end
local function createdOf(value) return (struct.unpack('>I6', value, L.created)) end
local function setOf(value) return (struct.unpack('>I4', value, L.set)) end
local function otherIdOf(value)
  local length = struct.unpack('>I2', value, L.id)
  return sub(value, L.id + 2, L.id + 1 + length)
end

-- The match keys of both records stand at the end of a link's value. Its flags from bit 6 on state how many, 3: their number
-- follows them. The index of links holds the beginning of each, so that it stays small.
local COUNT_FLAG, BEGINNING, MOST_BYTES = 64, 3, 1000
local function keysOf(value)
  local count = value and math.floor(byte(value, L.flags) / COUNT_FLAG) or 0
  if count == 0 then return '' end
  if count < 3 then return sub(value, -8 * count) end
  return sub(value, -1 - 8 * byte(value, #value), -2)
end

local function spliced(value, at, bytes) return sub(value, 1, at - 1) .. bytes .. sub(value, at + #bytes) end

-- The id on side 0 and the value of the link of a record; nothing where it has none. side: '0' or '1'
local function linkOf(at, side, id)
  local first = id
  if side == '1' then first = getIn(at, 'rev', id) end
  if not first then return nil end
  local value = call('HGET', at .. 'link', first)
  if value then return first, value end
  return nil
end

-- Of records of one side: their links' ids on side 0 by position (false: none), and the values of these links by that id.
local function linksOf(side, ids)
  local firsts, asked, values = {}, {}, {}
  for i, id in ipairs(ids) do
    firsts[i] = id
    if side == '1' then firsts[i] = getIn(base, 'rev', id) end
    if firsts[i] then asked[#asked + 1] = firsts[i] end
  end
  for i, value in ipairs(many('HMGET', base .. 'link', asked)) do values[asked[i]] = value end
  return firsts, values
end

------------------------------------------------------------------ records without a link
-- Layout of engine/store/unlinked-codec.ts.

local function parseUnlinked(value)
  local entry = { seen = struct.unpack('>I5', value, 2), tag = sub(value, 7, 9), raw = sub(value, 10, 17), keys = {}, corr = '' }
  local at = 19
  for rule = 1, byte(value, 18) do
    entry.keys[rule] = sub(value, at, at + 7)
    at = at + 8
  end
  if byte(value, 1) % 2 == 1 then
    entry.corr = sub(value, at, at + 7)
    at = at + 8
  end
  local length = byte(value, at)
  entry.state = sub(value, at + 1, at + length)
  entry.issue = sub(value, at + length + 1)
  return entry
end

local function packUnlinked(entry)
  return string.char(entry.corr == '' and 0 or 1) .. struct.pack('>I5', entry.seen) .. entry.tag .. entry.raw
    .. string.char(#entry.keys) .. table.concat(entry.keys) .. entry.corr
    .. string.char(#entry.state) .. entry.state .. entry.issue
end

local function freeFamily(tag, rule, side) return 'free:' .. tag .. ':' .. rule .. ':' .. side end

local function addFree(family, key, id)
  local ids = getIn(base, family, key)
  if ids and find('\0' .. ids .. '\0', '\0' .. id .. '\0', 1, true) then return end
  putIn(base, family, key, ids and (ids .. '\0' .. id) or id)
end

local function dropFree(family, key, id)
  local ids = getIn(base, family, key)
  if not ids then return end
  local from, to = find('\0' .. ids .. '\0', '\0' .. id .. '\0', 1, true)
  if not from then return end
  local left = sub(ids, 1, math.max(from - 2, 0)) .. sub(ids, from == 1 and to or to - 1)
  if left == '' then deleteIn(base, family, key) else putIn(base, family, key, left) end
end

-- Match keys and correlation id of an entry by the family of the index in which they stand.
local function indexed(entry, side)
  local found = {}
  for rule, key in ipairs(entry and entry.keys or {}) do
    if key ~= NONE then found[freeFamily(entry.tag, rule - 1, side)] = key end
  end
  if entry and entry.corr ~= '' then found[freeFamily(entry.tag, 'c', side)] = entry.corr end
  return found
end

local function beginnings(keys)
  local set = {}
  for i = 1, #keys, 8 do set[sub(keys, i, i + BEGINNING - 1)] = true end
  return set
end

-- The index of links finds the link under the keys after, and under those before no more. A key that very many links have
-- is nobody's own: later ones are not entered, so that a step takes as long with them as without.
local function indexLink(before, after, id)
  if before == after then return end
  local old, new = beginnings(before), beginnings(after)
  for key in pairs(old) do
    if not new[key] then dropFree('linked', key, id) end
  end
  for key in pairs(new) do
    if not old[key] and #(getIn(base, 'linked', key) or '') < MOST_BYTES then addFree('linked', key, id) end
  end
end

local function withKeys(value, keys)
  local count = #keys / 8
  value = spliced(value, L.flags, string.char(byte(value, L.flags) + COUNT_FLAG * math.min(count, 3))) .. keys
  return count < 3 and value or value .. string.char(count)
end

------------------------------------------------------------------ records: what is open about them

local LETTERS = { 'I', 'D', 'W', 'C', 'U', 'J' }
local FEW = { f = true, b = true, r = true }
local records = {}

local function parseOpen(value)
  local parts = {}
  for line in string.gmatch(value or '', '[^\n]+') do parts[sub(line, 1, 1)] = sub(line, 2) end
  return parts
end

-- The issue of a record that waits, as it is stored; nothing where it does not wait. side: '0' or '1'
local function waitingOf(side, id)
  local family = 'waiting:' .. side
  return hasFamily(base, family) and getIn(base, family, id) or nil
end

local function kindOf(record)
  if record.waiting then return 'w' end
  if record.entry and record.entry.issue ~= '' then return sub(record.entry.issue, 1, 1) end
  return record.open.I and sub(record.open.I, 1, 1) or ''
end

-- Open values that were read together, by record key; false where nothing is open.
local openValues = {}

local function readOpen(keys)
  for i, value in ipairs(many('HMGET', base .. 'open', keys)) do openValues[keys[i]] = value end
end

-- linked: the record is known to have a link, so that it has no entry among those without one. parts: its issue stays as it is.
local function load(key, linked, parts)
  local record = records[key]
  if record then return record end
  record = { key = key, side = sub(key, 1, 1), id = sub(key, 3) }
  local openValue = openValues[key]
  if openValue == nil then openValue = call('HGET', base .. 'open', key) end
  record.openValue = openValue or nil
  record.open = parseOpen(openValue)
  record.hadCreate = record.open.C ~= nil
  record.waiting = not parts and waitingOf(record.side, record.id) or nil
  record.waited = record.waiting
  if not linked then
    record.stored = getIn(base, 'unlinked:' .. record.side, record.id) or nil
    record.entry = record.stored and parseUnlinked(record.stored)
    record.index = indexed(record.entry, record.side)
  end
  record.kind = kindOf(record)
  records[key] = record
  return record
end

local function newEntry(record)
  record.entry = record.entry or { seen = 0, tag = '---', raw = NONE, keys = {}, corr = '', state = '', issue = '' }
  return record.entry
end

local function wordOfIssue(issue) return issue == '' and 0 or (struct.unpack('>I4', issue, 7)) end

local function setQuiet(record, issue)
  local entry = record.entry
  if not entry then return end
  useWord(wordOfIssue(entry.issue), -1)
  entry.issue = issue
  useWord(wordOfIssue(issue), 1)
end

local function familyOf(side, kind, mapping, own) return 'dependents:' .. side .. ':' .. kind .. ':' .. own .. ':' .. mapping end

local function wordOfWaiting(value) return (struct.unpack('>I4', value, 6)) end

-- The records that an issue waits for: { mapping, side, id }, and its candidates: record keys.
local function namedBy(record)
  if record.waiting then
    local issue = cjson.decode(call('HGET', base .. 'words', integer(wordOfWaiting(record.waiting))) or '{}')
    local at = 10
    local refs = issue.refs or {}
    for i, ref in ipairs(refs) do
      local length = i < #refs and struct.unpack('>I2', record.waiting, at)
      ref.id = length and sub(record.waiting, at + 2, at + 1 + length) or sub(record.waiting, at)
      at = at + 2 + #ref.id
    end
    return refs, issue.candidates or {}
  end
  local issue = record.open.I
  if not issue or not (find(issue, '"refs"', 1, true) or find(issue, '"candidates"', 1, true)) then return {}, {} end
  local decoded = cjson.decode(sub(issue, 2))
  return decoded.refs or {}, decoded.candidates or {}
end

-- Who waits or watches stands with the records concerned; what an issue names is taken off there with the issue.
local function forgetDependencies(record, prefix, mapping)
  local refs, candidates = namedBy(record)
  for _, ref in ipairs(refs) do
    local family = familyOf(integer(ref.side), 'w', mapping, record.side)
    dropMember(prefix .. ':{' .. ref.mapping .. '}:', family, ref.id, record.id)
  end
  for _, key in ipairs(candidates) do
    dropMember(base, familyOf(sub(key, 1, 1), 'c', mapping, record.side), sub(key, 3), record.id)
  end
end

-- issue: false, or { k = kind, j = JSON }, or { k, w = what is stored of one that waits }; q = how it is stored in an entry
-- without a link, if it is a quiet one
local function setIssue(record, issue, prefix, mapping)
  forgetDependencies(record, prefix, mapping)
  if record.waiting then useWord(wordOfWaiting(record.waiting), -1) end
  record.open.I, record.waiting = nil, nil
  if issue and issue.q and record.entry then
    setQuiet(record, issue.k .. issue.q)
    return
  end
  setQuiet(record, '')
  if issue and issue.w then
    record.waiting = issue.w
    useWord(wordOfWaiting(issue.w), 1)
  elseif issue then
    record.open.I = issue.k .. issue.j
  end
end

-- index: n match keys joined, g tag of the rules, corr, seen: first seen now, if not before
local function putIndex(entry, index, at)
  if index.seen and entry.seen == 0 then entry.seen = at - EPOCH end
  if index.n then
    entry.tag, entry.corr, entry.keys = index.g, index.corr, {}
    for i = 1, #index.n, 8 do entry.keys[#entry.keys + 1] = sub(index.n, i, i + 7) end
  end
end

local function dropEntry(record)
  if not record.entry then return end
  setQuiet(record, '')
  record.entry = nil
end

local function flushRecords()
  local set, deleted, added, removed, counts = {}, {}, {}, {}, {}
  for key, record in pairs(records) do
    local entry = record.entry
    if entry and entry.seen == 0 and entry.state == '' and entry.issue == '' and entry.raw == NONE then
      record.entry, entry = nil, nil
    end
    local value = entry and packUnlinked(entry)
    if value ~= record.stored then
      local before, after = record.index or {}, indexed(entry, record.side)
      for family, match in pairs(before) do
        if after[family] ~= match then dropFree(family, match, record.id) end
      end
      for family, match in pairs(after) do
        if before[family] ~= match then addFree(family, match, record.id) end
      end
      if value then putIn(base, 'unlinked:' .. record.side, record.id, value)
      else deleteIn(base, 'unlinked:' .. record.side, record.id) end
    end
    if record.waiting ~= record.waited then
      if record.waiting then putIn(base, 'waiting:' .. record.side, record.id, record.waiting)
      else deleteIn(base, 'waiting:' .. record.side, record.id) end
    end
    local lines = {}
    for _, letter in ipairs(LETTERS) do
      if record.open[letter] then lines[#lines + 1] = letter .. record.open[letter] end
    end
    local open = #lines > 0 and table.concat(lines, '\n') or nil
    if open ~= record.openValue then
      if open then
        set[#set + 1] = key
        set[#set + 1] = open
      else
        deleted[#deleted + 1] = key
      end
    end
    local kind = kindOf(record)
    if kind ~= record.kind then
      for which, by in pairs({ [record.kind] = -1, [kind] = 1 }) do
        if which ~= '' then counts[which] = (counts[which] or 0) + by end
        if FEW[which] then
          local list = by > 0 and added or removed
          list[which] = list[which] or {}
          table.insert(list[which], key)
        end
      end
    end
    if record.hadCreate ~= (record.open.C ~= nil) then
      call(record.hadCreate and 'SREM' or 'SADD', base .. 'creates:' .. record.side, record.id)
    end
  end
  each('HSET', base .. 'open', set)
  each('HDEL', base .. 'open', deleted)
  for which, list in pairs(removed) do each('SREM', base .. 'issues:' .. which, list) end
  for which, list in pairs(added) do each('SADD', base .. 'issues:' .. which, list) end
  for which, by in pairs(counts) do
    if by ~= 0 and call('HINCRBY', base .. 'issues', which, by) == 0 then call('HDEL', base .. 'issues', which) end
  end
end

------------------------------------------------------------------ dirty records

local marks = {}

-- due: ms. Kept until flushMarks, so that all marks of a mapping are one command.
local function mark(at, key, due)
  marks[at] = marks[at] or {}
  local before = marks[at][key]
  if not before or due < before then marks[at][key] = due end
end

local function isTaken(score) return score and tonumber(score) % 1 ~= 0 end

local function flushMarks()
  for at, list in pairs(marks) do
    local keys = {}
    for key in pairs(list) do keys[#keys + 1] = key end
    local scores = many('ZMSCORE', at .. 'dirty', keys)
    local added = {}
    for i, key in ipairs(keys) do
      -- One that is being worked on is looked at once more: what its worker has read may be older than this mark.
      if not scores[i] or isTaken(scores[i]) or list[key] < tonumber(scores[i]) then
        added[#added + 1] = integer(list[key])
        added[#added + 1] = key
      end
    end
    each('ZADD', at .. 'dirty', added)
  end
end

-- Families of those that wait for records of a side, and with `all` of those that watch them.
local function dependentsOf(side, all)
  local families = {}
  for family in pairs(sizesOf(base)) do
    local kind, own, mapping = match(family, '^dependents:' .. side .. ':(%a):(%d):([^/]+)$')
    if kind and (all or kind == 'w') then families[#families + 1] = { name = family, own = own, mapping = mapping } end
  end
  return families
end

-- Marks records that wait for a record dirty, and with `all` those that watch it.
local function markDependents(key, all, prefix, at)
  local id = sub(key, 3)
  for _, family in ipairs(dependentsOf(sub(key, 1, 1), all)) do
    local members = membersOf(base, family.name, id)
    for _, member in ipairs(members) do
      mark(prefix .. ':{' .. family.mapping .. '}:', family.own .. '/' .. sub(member, #id + 2), at)
    end
    dropMembers(base, family.name, id, members)
  end
end

------------------------------------------------------------------ claims

-- Whether each of these claims is held by the owner; claims: names, values as HMGET has read them, by position.
local function ownerOf(value, at)
  if not value then return nil end
  local space = find(value, ' ', 1, true)
  if tonumber(sub(value, 1, space - 1)) <= at then return nil end
  return sub(value, space + 1)
end

local function flush()
  flushRecords()
  flushWords()
  flushMarks()
  flushSizes()
end
