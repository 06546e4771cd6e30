--[[
  Counts finished records in the runs of a mapping (engine/store/runs/). A record that stays dirty is looked at once more:
  what was done counts now, what the next look finds counts only if that is something. A record that waits, failed or is
  in review may come back within the same run: it counts where it was last. One in retry is waited for no longer, but
  counts once it ends, also after the run is over.
]]
local function endGroup(runs, group, time)
  if call('HGET', runs .. group, 'open') ~= '0' or call('SCARD', runs .. group .. ':pending') > 0 then return end
  for _, id in ipairs(call('SMEMBERS', runs .. group .. ':members')) do
    if call('HGET', runs .. id, 'state') == 'working' then call('HSET', runs .. id, 'state', 'done', 'finished', time) end
    call('SREM', runs .. 'active:' .. call('HGET', runs .. id, 'mapping'), id)
  end
end

local PLACES = { 'waiting', 'review', 'failed', 'retrying' }

-- Whether a record waits, failed, is in review or in retry.
local function hasPlaces(run)
  local keys = {}
  for i, place in ipairs(PLACES) do keys[i] = run.key .. ':' .. place end
  return call('EXISTS', unpack(keys)) > 0
end

-- What a run knows of these records: which it waits for, and which are in retry.
local function knownTo(run, keys, entries)
  local waited, retried = {}, {}
  if run.pending then
    for i, member in ipairs(many('SMISMEMBER', run.pending, entries)) do waited[keys[i]] = member == 1 end
  end
  if not run.places then return waited, retried end
  for i, member in ipairs(many('SMISMEMBER', run.key .. ':retrying', keys)) do
    retried[keys[i]] = member == 1 and not waited[keys[i]]
  end
  return waited, retried
end

-- Counts units in one run. Answers whether it concerns one of them.
local function countIn(run, units, stays, earlier, keys, entries, mapping)
  run.places = hasPlaces(run)
  local waited, retried = knownTo(run, keys, entries)
  local finished, sums, left, places, hit = {}, {}, {}, {}, false
  for _, unit in ipairs(units) do
    local concerned, again, before = false, false, false
    for _, key in ipairs(unit.run and unit.d or {}) do
      if waited[key] or retried[key] then
        concerned = true
        again = again or stays[key]
        before = before or earlier[key]
        if waited[key] and not stays[key] then finished[#finished + 1] = mapping .. '|' .. key end
        left[#left + 1] = key
      end
    end
    if concerned then
      hit = true
      local place, did, name = unit.run[1], unit.run[2], unit.run[3]
      left[#left + 1] = name
      if did or not (again or before) then
        for i = 4, #unit.run, 2 do sums[unit.run[i]] = (sums[unit.run[i]] or 0) + unit.run[i + 1] end
      end
      if place ~= '' then
        places[place] = places[place] or {}
        table.insert(places[place], place == 'retrying' and unit.d[1] or name)
      end
    end
  end
  if not hit then return false end
  if #finished > 0 then
    each('SREM', run.pending, finished)
    sums.done = (sums.done or 0) + #finished
  end
  for field, sum in pairs(sums) do call('HINCRBY', run.key, field, sum) end
  for _, place in ipairs(PLACES) do
    if run.places then each('SREM', run.key .. ':' .. place, left) end
    if places[place] then each('SADD', run.key .. ':' .. place, places[place]) end
  end
  run.retries = places.retrying ~= nil
  return true
end

-- What this commit marked is waited for by the runs of its mapping that are under way, as what a scan finds.
local function expectMarks(request, prefix)
  for there, list in pairs(marks) do
    local mapping = sub(there, #prefix + 3, -3)
    local active = call('SMEMBERS', request.r .. 'active:' .. mapping)
    if #active > 0 then
      local entries = {}
      for key in pairs(list) do entries[#entries + 1] = mapping .. '|' .. key end
      for _, id in ipairs(active) do
        local group = call('HGET', request.r .. id, 'group')
        local added = 0
        for i = 1, group and #entries or 0, 4000 do
          added = added + call('SADD', request.r .. group .. ':pending', unpack(entries, i, math.min(i + 3999, #entries)))
        end
        if added > 0 then call('HINCRBY', request.r .. id, 'work', added) end
      end
    end
  end
end

-- stays: record keys that are still dirty
local function finishRuns(request, units, stays)
  local runs, mapping = request.r, request.m
  local active, retrying = runs .. 'active:' .. mapping, runs .. 'retrying:' .. mapping
  local known = {}
  for _, id in ipairs(call('SMEMBERS', active)) do known[id] = true end
  for _, id in ipairs(call('SMEMBERS', retrying)) do known[id] = known[id] or false end
  if not next(known) then return end
  local keys, entries = {}, {}
  for _, unit in ipairs(units) do
    for _, key in ipairs(unit.run and unit.d or {}) do
      keys[#keys + 1] = key
      entries[#entries + 1] = mapping .. '|' .. key
    end
  end
  if #keys == 0 then return end
  local again, earlier = runs .. 'again:' .. mapping, {}
  for i, member in ipairs(many('SMISMEMBER', again, keys)) do earlier[keys[i]] = member == 1 end
  for id, isActive in pairs(known) do
    local run = { key = runs .. id, group = call('HGET', runs .. id, 'group') }
    -- A run that was forgotten counts nothing more.
    if not run.group then call('SREM', retrying, id) end
    run.pending = run.group and isActive and runs .. run.group .. ':pending'
    if run.group and countIn(run, units, stays, earlier, keys, entries, mapping) then
      local lease = call('HGET', run.key, 'lease')
      if lease then call('PEXPIRE', lease, request.l) end
      if run.pending then endGroup(runs, run.group, request.t) end
      if run.places or run.retries or not isActive then
        call(call('EXISTS', run.key .. ':retrying') == 1 and 'SADD' or 'SREM', retrying, id)
      end
    end
  end
  local noted, forgotten = {}, {}
  for _, unit in ipairs(units) do
    for _, key in ipairs(unit.run and unit.d or {}) do
      if not stays[key] then
        if earlier[key] then forgotten[#forgotten + 1] = key end
      elseif unit.run[2] then
        noted[#noted + 1] = key
      end
    end
  end
  each('SADD', again, noted)
  each('SREM', again, forgotten)
end
