#!lua name=auction_manager_VERSION
-- The functions that the server runs, each as one step. A function runs alone but is never rolled back: so it first
-- checks everything that could fail, or makes changes that it can take back, and writes the rest only then. Memory, disk
-- and replicas are checked by the server before the first line runs.
--
-- Values stay bytes. Only counts and the marathon's seq become numbers, since they stay below 2^53; post ids and amounts
-- do not.
--
-- VERSION, in the names of the library and its functions, becomes a digest of this text: two releases never call each
-- other's functions.

-- The most values of one call of unpack(), which fails at 8,000. Even, so that no pair (score and member, field and value)
-- is split.
local CHUNK = 6000

-- The type that each write needs its key to have.
local KINDS = {HISTORIES = 'zset', SET = 'string', HSET = 'hash', HSETIF = 'hash', XADD = 'stream', XTRIM = 'stream', DEL = 'anything'}

local function not_owner(why) return redis.error_reply('NOTOWNER ' .. why) end

-- Nil where the lease is held with this token; otherwise the error to answer with. An ended lease is nobody's until its
-- keeper or a successor takes it; its last holder can only wait for that.
local function not_held(lease, token)
    local holder = redis.call('GET', lease)
    if holder == token then return nil end
    if holder then return not_owner('another process has the lease') end
    return redis.error_reply('LEASEENDED the lease has ended, and nobody has it')
end

local function log_damaged(why) return redis.error_reply('LOGDAMAGED ' .. why) end

local function current_seq(key) return tonumber(redis.call('GET', key) or '0') end

local HEAD = '^(%S+) (%d+) (%x+)$'

local function head_of(heads, writer)
    return string.match(redis.call('HGET', heads, writer) or '', HEAD)
end

-- Why the log is damaged, or nil. Each event has a seq and a place in its writer's chain: so the seq that the log ends
-- with, the stored count and the sum over all writers are one number.
local function fault_of_log(heads, seq, log)
    for _, each in ipairs({{heads, 'hash'}, {seq, 'string'}, {log, 'stream'}}) do
        local kind = redis.call('TYPE', each[1]).ok
        if kind ~= each[2] and kind ~= 'none' then return each[1] .. ' holds a ' .. kind end
    end
    local newest, together = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1], 0
    local last = newest and string.match(newest[1], '^%d+') or '0'
    for _, head in ipairs(redis.call('HVALS', heads)) do
        local _, sequence = string.match(head, HEAD)
        if not sequence then return 'a head in ' .. heads .. ' is malformed' end
        together = together + tonumber(sequence)
    end
    local counted = redis.call('GET', seq) or '0'
    if counted ~= last or together ~= tonumber(last) then
        return 'it ends with event ' .. last .. ', the stored count is ' .. counted .. ', and its writers have ' .. together
    end
end

-- Makes this incarnation the writer: its earlier incarnations are refused from now on.
-- keys: lease, heads, seq, log; arguments: token, new incarnation, writer, the chain's first hash.
-- Answers the writer's sequence, the hash of its chain, and the marathon's seq.
local function begin(keys, args)
    local lease, heads, seq, log = unpack(keys)
    local token, incarnation, writer, genesis = unpack(args)
    local refused = not_held(lease, token)
    if refused then return refused end
    local fault = fault_of_log(heads, seq, log)
    if fault then return log_damaged(fault) end
    local _, sequence, chain = head_of(heads, writer)
    sequence, chain = sequence or '0', chain or genesis
    local at = current_seq(seq)
    redis.call('HSET', heads, writer, incarnation .. ' ' .. sequence .. ' ' .. chain)
    return {sequence, chain, at}
end

-- A line of a HISTORIES write, one for each bid: score, member, the bidder's id. The bids come packed in one value, since
-- a value for each would cost the writer as much as the rest of the commit.
local BID = '(%-?%d+) (%-?%d+) (%-?%d+)\n'

local function add_to_history(key, bids)
    local values, filled = {}, 0
    for score, member in string.gmatch(bids, BID) do
        values[filled + 1], values[filled + 2] = score, member
        filled = filled + 2
        if filled == CHUNK then
            redis.call('ZADD', key, unpack(values, 1, filled))
            filled = 0
        end
    end
    if filled > 0 then redis.call('ZADD', key, unpack(values, 1, filled)) end
end

local function take_back(lists)
    for _, list in ipairs(lists) do redis.call('RPOP', list) end
end

-- Adds the bids of every HISTORIES to their bidders' own lists. Answers the changed lists, or nil and an error, with no list
-- changed. The lists' types are not checked before, which would cost as much again. `needed` are the commit's other keys.
local function add_to_own_lists(keys, first, args, at, needed)
    local lists, added = {}, 0
    for i = first, #keys do
        if args[at] == 'HISTORIES' then
            local before, behind, prefix, bids = unpack(args, at + 2, at + 5)
            for _, member, bidder in string.gmatch(bids, BID) do
                local own = before .. bidder .. behind
                local length = needed[own] and {err = 'WRONGTYPE The same commit needs this key'}
                    or redis.pcall('RPUSH', own, prefix .. member)
                if type(length) == 'table' then
                    take_back(lists)
                    return nil, length.err .. ': ' .. own
                end
                added = added + 1
                lists[added] = own
            end
        end
        at = at + 2 + tonumber(args[at + 1])
    end
    return lists
end

-- An error where a write in args from `at` on cannot be made; otherwise nil, and the type that each key will have.
local function impossible(keys, first, args, at)
    local found = {}
    for i = 1, first - 1 do found[keys[i]] = 'the log' end
    for i = first, #keys do
        local key, command, needed = keys[i], args[at], KINDS[args[at]]
        if not needed then return 'ERR no such write: ' .. tostring(command) end
        local kind = found[key] or redis.call('TYPE', key).ok
        if kind == 'the log' or (kind ~= needed and kind ~= 'none' and command ~= 'DEL') then
            return 'WRONGTYPE ' .. command .. ' to ' .. key .. ', which holds ' .. kind
        end
        found[key] = command == 'DEL' and 'none' or needed
        at = at + 2 + tonumber(args[at + 1])
    end
    return nil, found
end

-- Makes one commit of one writer: all of it or nothing.
-- keys: lease, heads, seq, log, checkpoint, previous checkpoint, then one for each write.
-- arguments: the ten below, then for each write its command, the number of its values, its values.
-- Answers the marathon's seq after it.
local function commit(keys, args)
    local lease, heads, seq, log, checkpoint, previous = unpack(keys, 1, 6)
    local token, incarnation, writer, sequence, chain, next_sequence, next_chain, count, events, state = unpack(args, 1, 10)
    local first_key, first_write = 7, 11

    local refused = not_held(lease, token)
    if refused then return refused end
    local writing, has_sequence, has_chain = head_of(heads, writer)
    if writing ~= incarnation then return not_owner('another incarnation writes for ' .. writer) end
    if has_sequence ~= sequence or has_chain ~= chain then
        return redis.error_reply('WRONGSEQUENCE ' .. writer .. ' is at ' .. has_sequence .. ' in the store, not at ' .. sequence
            .. (has_sequence == sequence and ' of this chain' or ''))
    end
    local fault, needed = impossible(keys, first_key, args, first_write)
    if fault then return redis.error_reply(fault) end
    local had_state = state ~= '' and redis.call('TYPE', checkpoint).ok or 'none'
    if had_state ~= 'none' and had_state ~= 'string' then
        return redis.error_reply('WRONGTYPE checkpoint to ' .. checkpoint .. ', which holds ' .. had_state)
    end

    local at = current_seq(seq)
    if not at then return log_damaged(seq .. ' is no number') end
    at = at + tonumber(count)
    -- First the changes that may still fail and can be taken back.
    local lists, wrong = add_to_own_lists(keys, first_key, args, first_write, needed)
    if wrong then return redis.error_reply(wrong) end
    if count ~= '0' then
        local added = redis.pcall('XADD', log, string.format('%.0f-%s', at, count),
            'writer', writer, 'sequence', sequence + 1, 'chain', next_chain, 'events', events)
        if type(added) == 'table' then -- the log is no stream, or already ends behind this seq
            take_back(lists)
            return log_damaged((string.gsub(added.err, '^ERR ', '')))
        end
        redis.call('SET', seq, string.format('%.0f', at))
        redis.call('HSET', heads, writer, incarnation .. ' ' .. next_sequence .. ' ' .. next_chain)
    end
    local from = first_write
    for i = first_key, #keys do
        local command, last = args[from], from + 1 + tonumber(args[from + 1])
        local start_at = from + 2
        if command == 'DEL' then redis.call('DEL', keys[i]) end
        if command == 'HISTORIES' then
            add_to_history(keys[i], args[last])
            start_at = last + 1
        end
        if command == 'HSETIF' then
            -- The first two values are a field and what that field must hold; where it does not, nothing is written.
            local holds = redis.call('HGET', keys[i], args[from + 2]) == args[from + 3]
            command, start_at = 'HSET', holds and from + 4 or last + 1
        end
        for start = start_at, last, CHUNK do
            redis.call(command, keys[i], unpack(args, start, math.min(start + CHUNK - 1, last)))
        end
        from = last + 1
    end
    if state ~= '' then
        if had_state == 'string' then redis.call('RENAME', checkpoint, previous) end
        redis.call('SET', checkpoint, state)
    end
    return at
end

-- Takes a dead letter out, and appends a batch to a queue instead: its content, to try that again, or the order that
-- discards it. keys: dead letters, queue; arguments: the letter's id, the entry's fields. Answers 0 where there is no
-- such letter.
local function settle_letter(keys, args)
    local dead, queue = unpack(keys)
    local kind = redis.call('TYPE', queue).ok
    if kind ~= 'stream' and kind ~= 'none' then return redis.error_reply('WRONGTYPE a queue is a stream, ' .. queue .. ' holds ' .. kind) end
    if redis.call('XDEL', dead, args[1]) == 0 then return 0 end
    redis.call('XADD', queue, '*', unpack(args, 2))
    return 1
end

-- Takes the lease where nobody else holds it. keys: lease, owner; arguments: token, ms until the lease ends, 'steal' to
-- take it from its holder too. Answers 1 where it was taken, 0 otherwise.
local function take_lease(keys, args)
    local lease, owner = unpack(keys)
    local holder = redis.call('GET', lease)
    if holder and holder ~= args[1] and args[3] ~= 'steal' then return 0 end
    redis.call('SET', owner, args[1])
    redis.call('SET', lease, args[1], 'PX', args[2])
    return 1
end

-- Renews the lease, also where it has ended, if nobody else has had it since: `owner` is the token of its last holder.
-- keys: lease, owner, seq; arguments: token, ms until the lease ends. Answers the marathon's seq.
local function keep_lease(keys, args)
    local lease, owner, seq = unpack(keys)
    local holder, last = redis.call('GET', lease), redis.call('GET', owner)
    if not last then return redis.error_reply('LOSTHISTORY the store knows nothing of this marathon any more') end
    if last ~= args[1] or (holder and holder ~= last) then return not_owner('another process has taken the lease') end
    redis.call('SET', lease, args[1], 'PX', args[2])
    return current_seq(seq)
end

-- Gives the lease back where it is held with this token. key: lease; argument: token. Answers 1 where it was given back.
local function release_lease(keys, args)
    if redis.call('GET', keys[1]) ~= args[1] then return 0 end
    return redis.call('DEL', keys[1])
end

redis.register_function('begin_VERSION', begin)
redis.register_function('commit_VERSION', commit)
redis.register_function('settle_letter_VERSION', settle_letter)
redis.register_function('take_lease_VERSION', take_lease)
-- These two run even while the server's memory is full, which must not cost the lease.
redis.register_function{function_name = 'keep_lease_VERSION', callback = keep_lease, flags = {'allow-oom'}}
redis.register_function{function_name = 'release_lease_VERSION', callback = release_lease, flags = {'allow-oom'}}
