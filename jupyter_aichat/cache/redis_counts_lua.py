"""The scripts of sliding windows and holds; each has one key, so it also runs on a cluster. Times are Redis' own."""

from __future__ import annotations

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

TAKE = (
    _NOW
    + """
local TENTHS = 10
local kept = redis.call('HGETALL', KEYS[1])
local counts, longest, taken = {}, 0, 1

local function read(name, most, window)
  local current = math.floor(now * TENTHS / window)
  local count = {name = name, most = most, window = window, current = current, total = 0, slots = {}}
  local begin = name .. ':'
  for i = 1, #kept, 2 do
    if string.sub(kept[i], 1, #begin) == begin then
      local slot = tonumber(string.sub(kept[i], #begin + 1))
      if slot < current - TENTHS or slot > current + TENTHS then
        redis.call('HDEL', KEYS[1], kept[i])
      else
        local n = tonumber(kept[i + 1])
        count.total = count.total + n
        count.slots[#count.slots + 1] = {slot, n}
      end
    end
  end
  return count
end

local function eases(count)
  table.sort(count.slots, function(a, b) return a[1] < b[1] end)
  local left = count.total
  for _, slot in ipairs(count.slots) do
    left = left - slot[2]
    if left < count.most then
      return math.max(math.ceil((slot[1] + TENTHS + 1) * count.window / TENTHS - now), 0)
    end
  end
  return count.most > 0 and 0 or count.window
end

for i = 1, #ARGV, 3 do
  local count = read(ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]))
  counts[#counts + 1] = count
  longest = math.max(longest, count.window)
  if count.total >= count.most then taken = 0 end
end
local answer = {taken}
for _, count in ipairs(counts) do
  if taken == 1 then
    local n = redis.call('HINCRBY', KEYS[1], count.name .. ':' .. string.format('%.0f', count.current), 1)
    count.total = count.total + 1
    if n == 1 then
      count.slots[#count.slots + 1] = {count.current, 1}
    else
      for _, slot in ipairs(count.slots) do if slot[1] == count.current then slot[2] = n end end
    end
  end
  answer[#answer + 1] = {count.total, eases(count)}
end
if taken == 1 then redis.call('PEXPIRE', KEYS[1], math.ceil(longest * (TENTHS + 1) / TENTHS)) end
return answer
"""
)
"""KEYS[1] a hash of `<name>:<tenth>`; ARGV a name, the most and the window in milliseconds, for each count."""

HOLD = (
    _NOW
    + """
local me, ttl = 'h:' .. ARGV[1], tonumber(ARGV[2])
local kept = redis.call('HGETALL', KEYS[1])
local mine, others, sums = nil, {}, {}
for i = 1, #kept, 2 do
  if kept[i] == me then
    mine = cmsgpack.unpack(kept[i + 1])
  elseif string.sub(kept[i], 1, 2) == 'h:' then
    local held = cmsgpack.unpack(kept[i + 1])
    if held.u <= now then redis.call('HDEL', KEYS[1], kept[i]) else others[#others + 1] = held end
  end
end
local turn = mine and mine.n or redis.call('HINCRBY', KEYS[1], 'turn', 1)
for _, held in ipairs(others) do
  if held.n < turn then
    for name, amount in pairs(held.a) do sums[name] = (sums[name] or 0) + amount end
  end
end
local amounts = {}
for i = 3, #ARGV, 2 do amounts[ARGV[i]] = tonumber(ARGV[i + 1]) end
redis.call('HSET', KEYS[1], me, cmsgpack.pack({n = turn, u = now + ttl, a = amounts}))
if redis.call('PTTL', KEYS[1]) < ttl then redis.call('PEXPIRE', KEYS[1], ttl) end
local flat = {}
for name, amount in pairs(sums) do
  flat[#flat + 1] = name
  flat[#flat + 1] = string.format('%.0f', amount)
end
return flat
"""
)
"""KEYS[1] a hash of `h:<holder>` (turn `n`, `u`ntil, `a`mounts); ARGV the holder, its time in milliseconds, the amounts."""
