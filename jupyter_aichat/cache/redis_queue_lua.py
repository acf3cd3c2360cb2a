"""The scripts of `redis_queue`. All keys of a line are in one bucket, so each script also runs on a cluster.

A line is: its places (`o`wner, `i`nstance, `r`ound, `a`rrival, a`d`mitted), those who wait by round and then arrival, the
tickets of each owner in order, counters, the owners served in this round, and the instances' leases.
"""

from __future__ import annotations

KEYS = ("places", "waiting", "owners", "counters", "served", "leases")

_LINE = """
local PLACES, WAITING, OWNERS, COUNTERS, SERVED, LEASES = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local instance, lease, mending, capacity = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function counter(name) return tonumber(redis.call('HGET', COUNTERS, name) or 0) end

local function find(id)
  local packed = redis.call('HGET', PLACES, id)
  return packed and cmsgpack.unpack(packed)
end

local function keep(id, place) redis.call('HSET', PLACES, id, cmsgpack.pack(place)) end

local function name(id, place) return string.format('%016d', place.a) .. id end

local function owned(owner)
  local packed = redis.call('HGET', OWNERS, owner)
  return packed and cmsgpack.unpack(packed) or {}
end

local function keep_owned(owner, ids)
  if #ids == 0 then redis.call('HDEL', OWNERS, owner) else redis.call('HSET', OWNERS, owner, cmsgpack.pack(ids)) end
end

local function add(id, owner, ahead)
  local ids, round = owned(owner), -1
  if not ahead then
    round = counter('round') + redis.call('SISMEMBER', SERVED, owner)
    for _, other in ipairs(ids) do
      local beside = find(other)
      if not beside.d and beside.r >= round then round = beside.r + 1 end
    end
  end
  local place = {o = owner, i = instance, r = round, a = redis.call('HINCRBY', COUNTERS, 'arrivals', 1), d = false}
  keep(id, place)
  ids[#ids + 1] = id
  keep_owned(owner, ids)
  redis.call('ZADD', WAITING, round, name(id, place))
  return place
end

local function hold(id, place)
  redis.call('ZREM', WAITING, name(id, place))
  redis.call('HINCRBY', COUNTERS, 'admitted', 1)
  place.d = true
  keep(id, place)
end

local function remove(id, place)
  local rest = {}
  for _, other in ipairs(owned(place.o)) do
    if other ~= id then rest[#rest + 1] = other end
  end
  keep_owned(place.o, rest)
  redis.call('HDEL', PLACES, id)
  if place.d then
    redis.call('HINCRBY', COUNTERS, 'admitted', -1)
    return
  end
  redis.call('ZREM', WAITING, name(id, place))
  if place.r < 0 then return end
  for _, other in ipairs(rest) do
    local behind = find(other)
    if not behind.d and behind.r > place.r then
      behind.r = behind.r - 1
      keep(other, behind)
      redis.call('ZADD', WAITING, behind.r, name(other, behind))
    end
  end
end

local function settle(granted)
  if now < counter('mending') then return granted end
  while counter('admitted') < capacity do
    local first = redis.call('ZRANGE', WAITING, 0, 0)[1]
    if not first then break end
    local id = string.sub(first, 17)
    local place, round = find(id), counter('round')
    hold(id, place)
    if place.r > round then
      redis.call('HSET', COUNTERS, 'round', place.r)
      redis.call('DEL', SERVED)
      round = place.r
    end
    if place.r == round then redis.call('SADD', SERVED, place.o) end
    granted[#granted + 1] = id
  end
  return granted
end

local function position(id, place)
  return place.d and 0 or redis.call('ZRANK', WAITING, name(id, place)) + 1
end

local function all_places()
  local flat, places = redis.call('HGETALL', PLACES), {}
  for n = 1, #flat, 2 do places[flat[n]] = cmsgpack.unpack(flat[n + 1]) end
  return places
end

local function remove_of(dead)
  for id, place in pairs(all_places()) do
    if dead[place.i] then remove(id, find(id)) end
  end
end

local function renew()
  redis.call('HSET', LEASES, instance, now + lease)
  local leases, dead = redis.call('HGETALL', LEASES), {}
  for n = 1, #leases, 2 do
    if tonumber(leases[n + 1]) <= now then
      dead[leases[n]] = true
      redis.call('HDEL', LEASES, leases[n])
    end
  end
  if next(dead) then remove_of(dead) end
end

local function leave_behind()
  if redis.call('HLEN', PLACES) == 0 then
    redis.call('DEL', unpack(KEYS))
  else
    for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, lease * 20) end
  end
end

renew()
"""

RESERVE = (
    _LINE
    + """
local id, owner, per_owner, most, ahead = ARGV[5], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9] == '1'
local place, others, refused = find(id), settle({}), 0
if not place then
  if not ahead then
    if #owned(owner) >= per_owner then refused = 1
    elseif redis.call('ZCARD', WAITING) >= most and redis.call('HLEN', PLACES) >= capacity then refused = 2 end
  end
  if refused > 0 then
    leave_behind()
    return {0, refused, others}
  end
  add(id, owner, ahead)
  others = settle(others)
end
place = find(id)
place.i = instance
keep(id, place)
local granted = {}
for _, other in ipairs(others) do
  if other ~= id then granted[#granted + 1] = other end
end
leave_behind()
return {position(id, place), 0, granted}
"""
)

RELEASE = (
    _LINE
    + """
for n = 5, #ARGV do
  local place = find(ARGV[n])
  if place and place.i == instance then remove(ARGV[n], place) end
end
local granted = settle({})
leave_behind()
return granted
"""
)

SYNC = (
    _LINE
    + """
local admitted, named, forgotten = tonumber(ARGV[5]), {}, false
for n = 6, #ARGV, 2 do named[ARGV[n]] = true end
for id, place in pairs(all_places()) do
  if place.i == instance and not named[id] then remove(id, find(id)) end
end
local own, count = {}, 0
for n = 6, #ARGV, 2 do
  local id, place = ARGV[n], find(ARGV[n])
  count = count + 1
  if not place then
    forgotten = true
    place = add(id, ARGV[n + 1], false)
  end
  if place.i == instance then
    if count > admitted then own[#own + 1] = id
    elseif not place.d then hold(id, place) end
  end
end
if forgotten then redis.call('HSET', COUNTERS, 'mending', now + mending) end
local granted, entered, positions = settle({}), {}, {}
for _, id in ipairs(own) do
  local place = find(id)
  if place.d then
    entered[#entered + 1] = id
  else
    positions[#positions + 1] = id
    positions[#positions + 1] = position(id, place)
  end
end
leave_behind()
return {entered, positions, granted}
"""
)

PRESENT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
"""
