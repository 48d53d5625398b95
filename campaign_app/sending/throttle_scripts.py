"""The two scripts of the throttle, each one step for everybody who asks Redis.

A limit has two keys. Its state: `next`, the moment of the next turn; `total`, the turns in its log;
`holder` and `busy`, whose turn is under way in a limit that goes alone, and how long that is
believed. Its log: what has been taken within the last minute, as "turns:token", scored by the
moment from which it no longer counts. All times are microseconds of Redis's own clock.
"""

from __future__ import annotations

# ARGV begins with the token and the keys' life in seconds; each limit's gap, cap and "alone" (1)
# end it, and `first` is the place of the first of them.
_HEAD = """
local time = redis.call('TIME')
local now, minute = time[1] * 1000000 + time[2], 60000000
local token, life = ARGV[1], ARGV[2]
local function moment(number) return string.format('%.0f', number) end
local function turns(entry) return tonumber(string.match(entry, '^%d+')) end
local limits = {}
for i = 1, #KEYS / 2 do
    local place = first + 3 * (i - 1)
    limits[i] = {
        state = KEYS[2 * i - 1], log = KEYS[2 * i], gap = tonumber(ARGV[place]),
        cap = tonumber(ARGV[place + 1]), alone = ARGV[place + 2] == '1',
    }
end
local function write(limit, ...)
    redis.call('HSET', limit.state, ...)
    redis.call('EXPIRE', limit.state, life)
end
local function note(limit, count, score)
    redis.call('ZADD', limit.log, moment(score), count .. ':' .. token)
    redis.call('EXPIRE', limit.log, life)
end
"""

# Then the turns wanted (0 only looks), a window, the longest turn, the slow start, and by how much
# a turn that was taken late lets the next one come earlier.
# Answers: microseconds to wait, turns given.
TAKE = (
    f"local first = 8 {_HEAD}"
    """
local give, window, longest = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local start, credit = tonumber(ARGV[6]), tonumber(ARGV[7])
local wait = 0
for _, limit in ipairs(limits) do
    local known = redis.call('HMGET', limit.state, 'next', 'total', 'busy')
    local total = tonumber(known[2] or 0)
    if not known[1] then
        -- Noted even if no turn is taken: an unknown moment would stay one gap ahead for ever.
        known[1] = moment(now + math.max(limit.gap, start))
        total = 0
        for _, entry in ipairs(redis.call('ZRANGE', limit.log, 0, -1)) do
            total = total + turns(entry)
        end
        write(limit, 'next', known[1], 'total', total)
    end
    local free, most = tonumber(known[1]), math.max(1, math.floor(window / limit.gap))
    limit.next = math.max(free, now - credit)
    if limit.alone then
        most = 1
        if tonumber(known[3] or 0) > now then free = math.max(free, now + limit.gap) end
    end
    if limit.cap > 0 then
        for _, entry in ipairs(redis.call('ZRANGEBYSCORE', limit.log, '-inf', moment(now))) do
            total = total - turns(entry)
        end
        redis.call('ZREMRANGEBYSCORE', limit.log, '-inf', moment(now))
        local oldest = redis.call('ZRANGE', limit.log, 0, 0, 'WITHSCORES')[2]
        if not oldest then total = 0 end
        write(limit, 'total', total)
        -- One that is still under way may end at any time, and counts for a minute from then.
        if total >= limit.cap then
            free = math.max(free, math.min(tonumber(oldest), now + minute))
        end
        most = math.min(most, limit.cap - total)
    end
    wait = math.max(wait, free - now)
    give = math.min(give, most)
end
if wait > 0 or give <= 0 then return {wait, 0} end
for _, limit in ipairs(limits) do
    if limit.alone then
        write(limit, 'next', moment(now + limit.gap))
        write(limit, 'holder', token, 'busy', moment(now + longest))
    else
        write(limit, 'next', moment(limit.next + give * limit.gap))
    end
    if limit.cap > 0 then
        note(limit, give, now + longest + minute)
        redis.call('HINCRBY', limit.state, 'total', give)
    end
end
return {0, give}
"""
)

# Then the turns given, and how many of them were used. What Redis has forgotten meanwhile it is
# told again: nobody else knows of it.
SETTLE = (
    f"local first = 5 {_HEAD}"
    """
local given, used = tonumber(ARGV[3]), tonumber(ARGV[4])
for _, limit in ipairs(limits) do
    local known = redis.call('HMGET', limit.state, 'next', 'holder')
    local free = tonumber(known[1] or 0)
    if limit.alone then
        if known[2] == token then write(limit, 'busy', 0, 'next', moment(math.min(free, now))) end
        if used > 0 then write(limit, 'next', moment(math.max(free, now + limit.gap))) end
    elseif known[1] then
        write(limit, 'next', moment(free - (given - used) * limit.gap))
    end
    if limit.cap > 0 then
        local counted = redis.call('ZREM', limit.log, given .. ':' .. token) * given
        if used > 0 then note(limit, used, now + minute) end
        redis.call('HINCRBY', limit.state, 'total', used - counted)
    end
end
"""
)
