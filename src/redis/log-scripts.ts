// Knows the Lua that asks and appends to the shared log: each script is one instant of it.

import { scriptOf, type Script } from './script.ts'

/**
 * The log is one sorted set. A record's member is its JSON, its score its epoch. A record collapsed to its whole function has its epoch
 * negated, so that the records that are kept one by one can be read in their order alone. Below them lie the names of the latest appends,
 * at their epochs plus LOWEST, and below them all the marker, which says that the log is whole: its generation, the server's replication
 * id, and the floor, up to which records have been dropped.
 *
 * ARGV: 1 a name that nobody had before, for a new generation or an append, 2 to 4 the caller's generation, its position and the name of the
 * append there, 5 milliseconds that the log must live, 6 how many records a reply may hold.
 */
const given = `
local key = KEYS[1]
local fresh, theirs, position, tip = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local retention, page = tonumber(ARGV[5]), tonumber(ARGV[6])
local LOWEST, MIDDLE = '-9007199254740991', '-4503599627370496'

-- Nil for who may not ask for it.
local info = redis.pcall('INFO', 'replication')
if type(info) ~= 'string' then info = nil end
local source = info and string.match(info, 'master_replid:(%w+)') or ''

local function whole(number)
  return string.format('%.0f', number)
end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function partsOf(marker)
  return string.match(marker or '', '^!([^:]+):([^:]*):(%d+)$')
end

local function newest()
  local found = redis.call('ZREVRANGEBYSCORE', key, '(' .. MIDDLE, '(' .. LOWEST, 'LIMIT', 0, 1)[1]
  return found and string.sub(found, 2) or ''
end
`

/** Answers where nothing was appended since the caller's position, as nearly always: as the rest would, for less than that takes. Not without INFO. */
const nothingNew = `
local function isPosition(floor)
  return math.max(floor, redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]) == position and newest() == tip
end

local function nothingNew()
  if not info or not string.find(info, 'role:master', 1, true) then return end
  local generation, origin, floor = partsOf(redis.pcall('ZRANGE', key, 0, 0)[1])
  if origin ~= source or not isPosition(floor) or redis.call('PTTL', key) < retention then return end
  return { generation, ARGV[3], ARGV[3], ARGV[3], floor, {}, whole(now()), tip }
end

local reply = not ARGV[7] and nothingNew()
if reply then return reply end
`

const prelude = `
local MOST_NAMED = 1000
local log = {}

-- A replica answers too, and knows nothing of what is cleared at its primary while the link between them is slow.
local function isReplica()
  if info then return string.find(info, 'role:slave', 1, true) end
  local tried = redis.pcall('ZREM', key, '')
  return type(tried) == 'table' and string.find(tried.err or '', 'READONLY', 1, true)
end

local function mark(generation, source, floor)
  local marker = '!' .. generation .. ':' .. source .. ':' .. whole(floor)
  redis.call('ZADD', key, LOWEST, marker)
  if log.marker then redis.call('ZREM', key, log.marker) end
  log.marker, log.generation, log.source, log.floor = marker, generation, source, floor
end

local function name()
  redis.call('ZADD', key, whole(log.epoch + LOWEST), '@' .. fresh)
  local over = redis.call('ZCOUNT', key, '(' .. LOWEST, '(' .. MIDDLE) - MOST_NAMED
  if over <= 0 then return end
  redis.call('ZREMRANGEBYSCORE', key, '(' .. LOWEST, redis.call('ZRANGE', key, over, over, 'WITHSCORES')[2])
end

-- The log may have lost its tail and gone on since: what the caller knows last is then none of the appends that are named here. Of one
-- who was away for longer than they reach back, nobody can tell.
local function isKnown()
  if position > log.epoch then return false end
  if tip == '' or redis.call('ZSCORE', key, '@' .. tip) then return true end
  local oldest = redis.call('ZRANGE', key, 1, 1, 'WITHSCORES')[2]
  return not oldest or position < oldest - LOWEST
end

-- Who may not ask for the source leaves the one that is there. A log that has none begins anew with the first who may.
local function isWhole()
  local marker = redis.call('ZRANGE', key, 0, 0)[1]
  local generation, origin, floor = partsOf(marker)
  if not generation or (source ~= '' and origin ~= source) then return false end
  log.marker, log.generation, log.source, log.floor = marker, generation, origin, tonumber(floor)
  log.epoch = math.max(log.floor, tonumber(redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]))
  return theirs ~= generation or isKnown()
end

-- Gives an error where this server cannot speak for the log.
local function open()
  if isReplica() then return redis.error_reply('READONLY The clear log is asked for at its primary alone.') end
  local kind = redis.call('TYPE', key).ok
  -- Somebody else's value under our key: the log is lost, and is made anew.
  if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', key) end
  if isWhole() then return end
  redis.call('DEL', key)
  log = {}
  mark(fresh, source, now())
  log.epoch = log.floor
  name()
end

-- Twice as long as it must, and seldom: a question is then no write. Where nothing can be written, the question is answered all the same.
local function keep()
  log.ttl = redis.call('PTTL', key)
  if log.ttl >= retention then return end
  log.ttl = 2 * retention
  redis.pcall('PEXPIRE', key, whole(log.ttl))
end

local function add(records, found, sign)
  for i = 1, #found, 2 do
    records[#records + 1] = found[i]
    records[#records + 1] = whole(sign * found[i + 1])
  end
end

local function addCollapsed(records, after)
  add(records, redis.call('ZRANGEBYSCORE', key, MIDDLE, '(-' .. whole(after), 'WITHSCORES'), -1)
end

-- What the caller missed: from where and up to where, and the records in between.
local function missed()
  local records = {}
  if theirs ~= log.generation or position < log.floor then return log.epoch, log.epoch, records end
  if position == log.epoch then return position, position, records end
  addCollapsed(records, position)
  local found = redis.call('ZRANGEBYSCORE', key, '(' .. whole(position), '+inf', 'WITHSCORES', 'LIMIT', 0, page)
  add(records, found, 1)
  if #found < 2 * page then return position, log.epoch, records end
  -- The records of one append share their epoch: a page never ends between them.
  local last = found[#found]
  add(records, redis.call('ZRANGEBYSCORE', key, last, last, 'WITHSCORES'), 1)
  return position, tonumber(last), records
end
`

/**
 * Where is the log, and what came after my position? With ARGV 7 and 8 also, at the same instant: which records lie at or before the
 * first and after the second, the newest first. A record that moves meanwhile is then among the new ones.
 *
 * Replies: generation, from, upto, epoch, floor, records, the server's time, the name of the append at upto (none where a page ends there),
 * and for the older ones how far down they reach, records.
 */
export const questionScript: Script = scriptOf(`${given}${nothingNew}${prelude}
local function older(below, after)
  local records, low = {}, after
  local found = redis.call('ZREVRANGEBYSCORE', key, whole(below), '(' .. whole(after), 'WITHSCORES', 'LIMIT', 0, page)
  add(records, found, 1)
  if #found == 2 * page then
    local last = found[#found]
    add(records, redis.call('ZRANGEBYSCORE', key, last, last, 'WITHSCORES'), 1)
    low = last - 1
  end
  -- Also what is newer than this page: records may have been collapsed upwards since the page above it was read.
  addCollapsed(records, low)
  return low, records
end

local refusal = open()
if refusal then return refusal end
keep()
local from, upto, records = missed()
local last = upto == log.epoch and newest() or ''
local reply = { log.generation, whole(from), whole(upto), whole(log.epoch), whole(log.floor), records, whole(now()), last }
if ARGV[7] then
  local low, found = older(tonumber(ARGV[7]), math.max(tonumber(ARGV[8]), log.floor))
  reply[9], reply[10] = whole(low), found
end
return reply
`)

/**
 * Appends records at one epoch, tells the channel, and answers as a question asked just before: so the writer's position is the new
 * epoch and it has missed nothing. Drops what is older than any entry, and collapses the oldest past a size, a few at a time.
 *
 * ARGV: 7 how many records are kept one by one, 8 the channel, 9 and 10 the writer and its name for this append, from 11 on the records.
 */
export const appendScript: Script = scriptOf(`${given}${prelude}
local limit, channel, writer, delivery = tonumber(ARGV[7]), ARGV[8], ARGV[9], ARGV[10]
local MOST_DROPPED = 100
local MOST_COLLAPSED = 1000

-- ["c","name",…] becomes ["c","name","",0].
local function functionOf(member)
  if not string.find(member, '^%["%a","') then return nil end
  local at = 7
  while true do
    at = string.find(member, '["\\\\]', at)
    if not at then return nil end
    if string.sub(member, at, at) == '"' then return string.sub(member, 1, at) .. ',"",0]' end
    at = at + 2
  end
end

local function collapse(member, epoch)
  redis.call('ZREM', key, member)
  local all = functionOf(member)
  if not all then return end
  local known = redis.call('ZSCORE', key, all)
  if not known or math.abs(known) < epoch then redis.call('ZADD', key, whole(-epoch), all) end
end

local function collapseOldest()
  local over = redis.call('ZCOUNT', key, '(0', '+inf') - limit
  if over <= 0 then return end
  local most = math.min(over, 2 * (#ARGV - 10) + 8)
  local oldest = redis.call('ZRANGEBYSCORE', key, '(0', '(' .. whole(log.epoch), 'WITHSCORES', 'LIMIT', 0, most)
  for i = 1, #oldest, 2 do collapse(oldest[i], tonumber(oldest[i + 1])) end
end

local function dropOldest()
  local floor = log.floor
  local old = whole(log.epoch - math.max(retention, log.ttl) * 1000)
  local dropped = redis.call('ZRANGEBYSCORE', key, '(0', old, 'WITHSCORES', 'LIMIT', 0, MOST_DROPPED)
  if #dropped > 0 then floor = tonumber(dropped[#dropped]) end
  local over = redis.call('ZCOUNT', key, MIDDLE, '(0') - MOST_COLLAPSED
  if over > 0 then
    local gone = redis.call('ZREVRANGEBYSCORE', key, '(0', MIDDLE, 'WITHSCORES', 'LIMIT', 0, over)
    floor = math.max(floor, -gone[#gone])
  end
  if floor == log.floor then return end
  redis.call('ZREMRANGEBYSCORE', key, whole(-floor), whole(floor))
  mark(log.generation, log.source, floor)
end

local function publish(previous, before, time)
  local head = '["' .. log.generation .. '",' .. whole(previous) .. ',' .. whole(log.epoch) .. ',"' .. writer .. '","' .. delivery .. '",['
  local tail = '],' .. whole(time) .. ',"' .. before .. '","' .. fresh .. '"]'
  -- Where rights forbid the channel, the others learn it by their next question.
  redis.pcall('PUBLISH', channel, head .. table.concat(ARGV, ',', 11) .. tail)
end

local refusal = open()
if refusal then return refusal end
local previous, before = log.epoch, newest()
-- Before the records are added: one of the same ref would move there and no longer show among the missed.
local from, upto, records = missed()
local time = now()
log.epoch = math.max(previous + 1, time)
for i = 11, #ARGV do redis.call('ZADD', key, whole(log.epoch), ARGV[i]) end
name()
keep()
collapseOldest()
dropOldest()
publish(previous, before, time)
local last = ''
if upto == previous then upto, last = log.epoch, fresh end
return { log.generation, whole(from), whole(upto), whole(log.epoch), whole(log.floor), records, whole(time), last }
`)
