-- How far a mapping was read, as engine/store/progress.ts writes it: fields of the hash `progress`, each behind the name of the
-- match rules under which it holds, and `|`.

-- Answers two functions: whether both sides were read fully, and when that was so for the first time, in ms (0: it was no
-- first sync, false: they were not).
local function progressOf(rules)
  local fields
  local function under(i)
    fields = fields or call('HMGET', base .. 'progress', 'full:0', 'full:1', 'first')
    local text, start = fields[i], rules .. '|'
    return text and sub(text, 1, #start) == start and sub(text, #start + 1)
  end
  return function() return under(1) and under(2) and true or false end,
    function() return under(3) and tonumber(under(3)) or false end
end
