#!lua name=tgq
--
-- quota.lua: what Redis does with the accounts that several nodes share: docs/internals/quota-redis.md is the
-- contract, docs/internals/quota-model.md the proof. Every call is atomic, looks at everything first, and writes
-- only when nothing is wrong with it.
--
-- One text, two ways:
--   FUNCTION LOAD   takes it whole (Redis 7 and above, Valkey):       FCALL tgq_sync_v1 NUMKEYS KEY... ARG...
--   SCRIPT LOAD     takes it without its first line, the one with #!: EVALSHA SHA NUMKEYS KEY... tgq_sync_v1 ARG...
-- quota_lua_text and quota_lua_eval_text (src/quota/quota_lua.h) are the two.
--
-- Used of the environment: redis.call (TIME, HGETALL, HSET, HDEL, EXPIREAT, PERSIST), redis.error_reply,
-- redis.register_function where there is one; otherwise KEYS and ARGV.
--
-- Figures are doubles that hold whole numbers below 2^53, where sums are exact. Strings are never compared with <:
-- that goes by the server's locale. Replies are strings, all of them.

local MAX = 9007199254740991 -- 2^53 - 1
local EPOCH_MAX = 1099511627776 -- 2^40: the epochs' numbers
local INCARNATION_MAX = 1048575 -- 2^20 - 1
local ACCOUNTS_MAX = 64
local MEMBERS_MAX = 64
local GRACE_S = 60 -- a period's accounts are open so much longer, at both ends
local SKEW_S = 60 -- what clocks of two primaries may differ
local KEEP_S = 35 * 86400
local RECALL_MS = 2000
local HEAD = 7 -- arguments before the first account's
local EACH = 9 -- arguments of each account

local function text(n)
	return string.format('%.0f', n)
end

-- "0" to "9007199254740991" as a number, else nil.
local function number(arg, most)
	if not arg or #arg > 16 or not string.find(arg, '^%d+$') then
		return nil
	end
	local n = tonumber(arg)
	return n <= (most or MAX) and n or nil
end

-- Sums end at MAX: members that assert more than any limit change nothing any more.
local function plus(a, b)
	return math.min(MAX, a + b)
end

local function is_name(arg)
	return arg and #arg <= 64 and string.find(arg, '^[%w._-]+$') ~= nil
end

-- a < b, byte by byte.
local function before(a, b)
	for i = 1, math.min(#a, #b) do
		local x, y = string.byte(a, i), string.byte(b, i)
		if x ~= y then
			return x < y
		end
	end
	return #a < #b
end

-- Epochs: NUMBER.INCARNATION.SEQ.MEMBER

local function epoch_parse(arg)
	local n, incarnation, seq, member = string.match(arg, '^(%d+)%.(%d+)%.(%d+)%.(.+)$')
	local epoch = { n = number(n, EPOCH_MAX), incarnation = number(incarnation), seq = number(seq), member = member }
	return epoch.n and epoch.incarnation and epoch.seq and is_name(member) and epoch or nil
end

local function epoch_above(a, b)
	if a.n ~= b.n then
		return a.n > b.n
	elseif a.member ~= b.member then
		return before(b.member, a.member)
	elseif a.incarnation ~= b.incarnation then
		return a.incarnation > b.incarnation
	end
	return a.seq > b.seq
end

-- No two epochs have the same name: SEQ is made of the server and of the moment.
local function epoch_name(n, incarnation, member, run, time)
	local h = 0
	for i = 1, #run do
		h = (h * 31 + string.byte(run, i)) % 4194304
	end
	local seq = h * 1073741824 + time.us % 1073741824
	return text(n) .. '.' .. text(incarnation) .. '.' .. text(seq) .. '.' .. member
end

-- Keys: a hash as it is read, and what is to be written of it

local function hash_load(key)
	local flat, hash = redis.call('HGETALL', key), {}
	for i = 1, #flat, 2 do
		hash[flat[i]] = flat[i + 1]
	end
	return { key = key, hash = hash, fresh = #flat == 0, out = {}, gone = {} }
end

local function put(to, field, value)
	if to.hash[field] ~= value then
		to.hash[field] = value
		to.out[#to.out + 1] = field
		to.out[#to.out + 1] = value
	end
end

local function drop(to, field)
	if to.hash[field] then
		to.hash[field] = nil
		to.gone[#to.gone + 1] = field
	end
end

local function hash_save(from)
	if #from.out > 0 then
		redis.call('HSET', from.key, unpack(from.out))
	end
	if #from.gone > 0 then
		redis.call('HDEL', from.key, unpack(from.gone))
	end
end

local function time_now()
	local t = redis.call('TIME')
	local s, us = tonumber(t[1]), tonumber(t[2])
	return { s = s, ms = s * 1000 + math.floor(us / 1000), us = s * 1000000 + us }
end

-- Members in a list with commas: in byte order, none twice. nil and why.
local function members_parse(arg)
	local names, last = {}, nil
	for name in string.gmatch(arg .. ',', '([^,]*),') do
		if not is_name(name) then
			return nil, '"' .. name .. '" in members is no name: 1 to 64 of A-Z a-z 0-9 . _ -'
		elseif last and not before(last, name) then
			return nil, 'members are not in byte order, or one is twice: "' .. name .. '"'
		end
		names[#names + 1], last = name, name
	end
	if #names > MEMBERS_MAX then
		return nil, 'more than ' .. MEMBERS_MAX .. ' members'
	end
	return names
end

-- The bucket: its fields in b.run, b.epoch, ..., and by member in b.asserted, b.incarnation, b.fenced.
local function bucket_load(key)
	local b = hash_load(key)
	b.asserted, b.incarnation, b.fenced, b.names = {}, {}, {}, {}
	for field, value in pairs(b.hash) do
		local kind, name = string.match(field, '^([aif]):(.+)$')
		if kind == 'a' then
			b.asserted[name] = value
		elseif kind == 'i' then
			b.incarnation[name] = number(value, INCARNATION_MAX)
		elseif kind == 'f' then
			local mode, epoch, ms = string.match(value, '^(%l+) (%S+) (%d+)$')
			b.fenced[name] = { mode = mode, epoch = epoch, ms = number(ms) }
		end
		if kind == 'i' and not b.incarnation[name] or kind == 'f' and not b.fenced[name].ms then
			return nil, field .. ' of ' .. key .. ' is "' .. value .. '"'
		end
	end
	b.run, b.ep, b.learning = b.hash.run, b.hash.ep, b.hash.ln == '1'
	b.epoch = b.ep and epoch_parse(b.ep)
	b.cv = b.hash.cv and number(b.hash.cv) or -1
	if b.hash.ml then
		b.names = members_parse(b.hash.ml)
	end
	if b.ep and not b.epoch or not b.names then
		return nil, 'ep or ml of ' .. key .. ' is damaged'
	end
	return b
end

local function bucket_awaited(b)
	local awaited = {}
	for _, name in ipairs(b.names) do
		if b.learning and b.asserted[name] ~= b.ep and not b.fenced[name] then
			awaited[#awaited + 1] = name
		end
	end
	return awaited
end

-- Learning ends when there is nobody to wait for: never after a time.
local function bucket_open(b)
	if b.learning and #b.names > 0 and #bucket_awaited(b) == 0 then
		b.learning = false
		put(b, 'ln', '0')
	end
end

-- A new epoch, just above the bucket's and `known` (nil: none). All that was asserted is of another one, and void.
local function bucket_begin(b, known, run, incarnation, member, time)
	local n = math.max(b.epoch and b.epoch.n or 0, known and known.n or 0) + 1
	b.run, b.ep, b.learning = run, epoch_name(n, incarnation, member, run, time), true
	b.epoch = epoch_parse(b.ep)
	put(b, 'run', b.run)
	put(b, 'ep', b.ep)
	put(b, 'ln', '1')
end

local function reply(b, status, time)
	return { status, b.ep or '', b.learning and '1' or '0', table.concat(bucket_awaited(b), ','), text(time.ms) }
end

-- The account: its fields in acc.lim, ..., and of each member in acc.members[NAME].
local ACCOUNT_FIELDS = { ps = true, pe = true, cv = true, lim = true, rc = true }

local function member_of(acc, name)
	local m = acc.members[name]
	if not m then
		m = { g = 0, s = 0, q = 0, e = '' }
		acc.members[name] = m
	end
	return m
end

local function account_field(acc, field, value)
	local kind, name = string.match(field, '^([gsqez]):(.+)$')
	if ACCOUNT_FIELDS[field] then
		acc[field] = number(value)
		return acc[field]
	elseif not kind then
		return true
	end
	local m = member_of(acc, name)
	if kind == 'e' then
		m.e = value
		return true
	elseif kind == 'z' then -- of which fence, how much, of which limit
		local ms, z, limit = string.match(value, '^(%d+) (%d+) (%d+)$')
		m.z_of, m.z, m.z_limit = ms, tonumber(z), tonumber(limit)
		return m.z
	end
	m[kind] = number(value)
	return m[kind]
end

local function account_load(key)
	local acc = hash_load(key)
	acc.members, acc.cv, acc.lim, acc.rc = {}, -1, 0, 0
	for field, value in pairs(acc.hash) do
		if not account_field(acc, field, value) then
			return nil, field .. ' of ' .. key .. ' is "' .. value .. '"'
		end
	end
	return acc
end

-- The limit of the highest configuration version; of two with one version the lower.
local function account_limit(acc, version, limit)
	if version > acc.cv or (version == acc.cv and limit < acc.lim) then
		acc.cv, acc.lim = version, limit
		put(acc, 'cv', text(version))
		put(acc, 'lim', text(limit))
	end
end

-- The period is part of the account's name; where two members' zone tables differ, the longer one counts. pe 0: none.
local function account_period(acc, ps, pe)
	local was = acc.pe
	if acc.ps then
		ps = math.min(ps, acc.ps)
		pe = (pe == 0 or acc.pe == 0) and 0 or math.max(pe, acc.pe)
	end
	acc.ps, acc.pe = ps, pe
	put(acc, 'ps', text(ps))
	put(acc, 'pe', text(pe))
	acc.expires = pe ~= 0 and pe ~= was
	acc.persists = pe == 0 and was and was ~= 0
end

local function account_is_open(acc, time)
	return acc.pe == 0 or (acc.ps - GRACE_S <= time.s and time.s < acc.pe + GRACE_S)
end

-- Could the member have been granted anything here that Redis has lost? It was fenced before the others had said what
-- they have. (A copy that has a fence of an open bucket has all that was granted before it.)
local function is_frozen(b, acc, name)
	local fence = b.fenced[name]
	return fence and fence.mode == 'spent' and fence.epoch == '-'
		and (acc.pe == 0 or acc.ps < math.floor(fence.ms / 1000) + GRACE_S + SKEW_S)
end

-- What of the limit one member has.
local function member_share(b, name, m)
	local fence = b.fenced[name]
	if fence and fence.mode == 'settled' then
		return m.s
	elseif m.e ~= b.ep and b.asserted[name] == b.ep then
		return m.s -- it has said that it has nothing here but what it spent
	end
	return math.max(m.g, m.s)
end

-- G, and what of it is not frozen. Frozen ones share what was left of the limit when the bucket opened.
local function account_sum(b, acc)
	local known, frozen, z = 0, 0, 0
	for name, m in pairs(acc.members) do
		if is_frozen(b, acc, name) then
			frozen = plus(frozen, math.max(m.g, m.s))
			z = math.max(z, m.z_of == text(b.fenced[name].ms) and m.z or 0)
		else
			known = plus(known, member_share(b, name, m))
		end
	end
	return plus(known, math.max(frozen, z)), known
end

-- All that the others have not asserted, once they have; and all of a raise, of which the fenced one may have known.
local function account_freeze(b, acc)
	for name, fence in pairs(b.fenced) do
		if not b.learning and is_frozen(b, acc, name) then
			local m, of = member_of(acc, name), text(fence.ms)
			if m.z_of ~= of then
				local _, known = account_sum(b, acc)
				m.z_of, m.z, m.z_limit = of, math.max(0, acc.lim - known), acc.lim
			elseif acc.lim > m.z_limit then
				m.z, m.z_limit = plus(m.z, acc.lim - m.z_limit), acc.lim
			end
			put(acc, 'z:' .. name, of .. ' ' .. text(m.z) .. ' ' .. text(m.z_limit))
		end
	end
end

-- What the member says of itself. "dup": a later call has been here already.
local function account_merge(b, acc, name, op)
	local m = member_of(acc, name)
	m.s = math.max(m.s, op.s)
	put(acc, 's:' .. name, text(m.s))
	if op.seq <= m.q then
		return 'dup'
	end
	if op.returns or m.e ~= b.ep then
		m.g = math.max(op.g, m.s)
	else
		m.g = math.max(m.g, op.g, m.s)
	end
	m.q, m.e = op.seq, b.ep
	put(acc, 'g:' .. name, text(m.g))
	put(acc, 'q:' .. name, text(m.q))
	put(acc, 'e:' .. name, m.e)
	return 'ok'
end

local function others_have(b, acc, me)
	for _, name in ipairs(b.names) do
		local m = acc.members[name]
		if name ~= me and m and not b.fenced[name] and m.e == b.ep and m.g > m.s then
			return true
		end
	end
	return false
end

-- What the member has here beyond what it knows of (a lost reply) is the first part of what it gets.
local function account_grant(b, acc, name, op, time)
	local m, free = acc.members[name], acc.lim - account_sum(b, acc)
	local unknown = math.max(0, (m.g - m.s) - math.max(0, op.g - op.s))
	local need = math.max(0, op.need - unknown)
	local want = math.max(need, op.want - unknown)
	local part = math.floor(free / (2 * #b.names))
	local add = math.max(0, math.min(free, math.max(need, math.min(want, part))))
	m.g = m.g + add
	put(acc, 'g:' .. name, text(m.g))
	if add < need and others_have(b, acc, name) then
		acc.rc = time.ms + RECALL_MS
		put(acc, 'rc', text(acc.rc))
	end
end

local function account_sync(b, acc, call, op)
	local name, time = call.member, call.time
	account_limit(acc, call.version, op.limit)
	account_period(acc, op.ps, op.pe)
	account_freeze(b, acc)
	local status = account_merge(b, acc, name, op)
	if status == 'ok' and not account_is_open(acc, time) then
		status = 'closed'
	end
	if status == 'ok' and not b.learning and not op.tells and not op.returns then
		account_grant(b, acc, name, op, time)
	end
	local G, S = account_sum(b, acc), 0
	for _, m in pairs(acc.members) do
		S = plus(S, m.s)
	end
	put(acc, 'G', text(G))
	put(acc, 'S', text(S))
	local m = acc.members[name]
	local recall = math.min(RECALL_MS, math.max(0, acc.rc - time.ms))
	return { status, text(math.max(m.g, m.s)), text(m.s), text(G), text(S), text(acc.lim), text(recall) }
end

local function account_save(acc)
	hash_save(acc)
	if acc.expires then
		redis.call('EXPIREAT', acc.key, text(acc.pe + KEEP_S))
	elseif acc.persists then
		redis.call('PERSIST', acc.key)
	end
end

-- tgq_sync_v1

local function op_parse(args, at)
	local op, names = {}, { 'seq', 's', 'g', 'need', 'want', 'limit', 'ps', 'pe' }
	for i, name in ipairs(names) do
		op[name] = number(args[at + i])
		if not op[name] then
			return nil, name .. ' is "' .. args[at + i] .. '", not a whole number below 2^53'
		end
	end
	local flags = args[at + EACH]
	op.returns, op.tells = flags == 'r', flags == 'p'
	if flags ~= '' and not op.returns and not op.tells then
		return nil, 'flags are "' .. flags .. '", not "", "r" or "p"'
	elseif op.seq == 0 then
		return nil, 'seq is 0; the first is 1'
	elseif op.returns and (op.need > 0 or op.want > 0) then
		return nil, 'a RETURN with need or want'
	elseif op.want < op.need then
		return nil, 'want is below need'
	elseif op.pe ~= 0 and op.pe <= op.ps then
		return nil, 'the period ends before it begins'
	end
	return op
end

-- "7", or "7-INSTANCE".
local function incarnation_parse(arg)
	local n, instance = string.match(arg, '^(%d+)%-(%w+)$')
	if instance and #instance > 16 then
		return nil
	end
	return number(n or arg, INCARNATION_MAX), instance
end

local function call_parse(args)
	local call = { member = args[1], run = args[3], list = args[5], version = number(args[6]), flags = args[7], ops = {} }
	call.incarnation, call.instance = incarnation_parse(args[2])
	if not is_name(call.member) then
		return nil, 'member "' .. call.member .. '" is no name: 1 to 64 of A-Z a-z 0-9 . _ -'
	elseif not call.incarnation or call.incarnation == 0 then
		return nil, 'incarnation is "' .. args[2] .. '", not 1 to ' .. INCARNATION_MAX
	elseif #call.run == 0 or #call.run > 64 then
		return nil, 'run_id is "' .. call.run .. '"'
	elseif not call.version then
		return nil, 'config_version is "' .. args[6] .. '", not a whole number below 2^53'
	elseif call.flags ~= '' and call.flags ~= 'a' then
		return nil, 'flags are "' .. call.flags .. '", not "" or "a"'
	end
	if args[4] ~= '' then
		call.known = epoch_parse(args[4])
		if not call.known then
			return nil, 'epoch_known is "' .. args[4] .. '", not NUMBER.INCARNATION.SEQ.MEMBER'
		end
	end
	local names, why = members_parse(call.list)
	if not names then
		return nil, why
	end
	for _, name in ipairs(names) do
		call.listed = call.listed or name == call.member
	end
	if not call.listed then
		return nil, 'member "' .. call.member .. '" is not one of the members "' .. call.list .. '"'
	end
	return call
end

local function keys_wrong(keys)
	local seen = {}
	if #keys < 1 or #keys > 1 + ACCOUNTS_MAX then
		return #keys .. ' keys; a bucket and up to ' .. ACCOUNTS_MAX .. ' accounts are taken'
	end
	for _, key in ipairs(keys) do
		if seen[key] then
			return 'the key "' .. key .. '" is there twice'
		end
		seen[key] = true
	end
	return nil
end

local function sync_parse(keys, args)
	local wrong = keys_wrong(keys)
	if wrong then
		return nil, wrong
	elseif #args ~= HEAD + EACH * (#keys - 1) then
		return nil, #args .. ' arguments; ' .. #keys - 1 .. ' accounts take ' .. HEAD + EACH * (#keys - 1)
	end
	local call, why = call_parse(args)
	if not call then
		return nil, why
	end
	for i = 2, #keys do
		local op
		op, why = op_parse(args, HEAD + EACH * (i - 2))
		if not op then
			return nil, 'account "' .. keys[i] .. '": ' .. why
		end
		call.ops[i - 1] = op
	end
	return call
end

-- May the call touch accounts? "ok", or what the reply says instead.
local function sync_admit(b, call)
	local highest = b.incarnation[call.member] or 0
	if call.incarnation < highest then
		return 'stale'
	end
	-- two processes that were both started so often: the first that spoke is the member
	local spoke = b.hash['n:' .. call.member]
	if call.incarnation == highest and call.instance and spoke and call.instance ~= spoke then
		return 'stale'
	end
	put(b, 'i:' .. call.member, text(call.incarnation))
	if call.instance then
		put(b, 'n:' .. call.member, call.instance)
	end
	if call.version > b.cv then
		put(b, 'cv', text(call.version))
		put(b, 'ml', call.list)
		b.names = members_parse(call.list)
	elseif b.hash.ml ~= call.list then
		return 'members'
	end
	if b.fenced[call.member] then
		return 'fenced'
	end
	if not b.epoch or b.run ~= call.run or (call.known and epoch_above(call.known, b.epoch)) then
		bucket_begin(b, call.known, call.run, call.incarnation, call.member, call.time)
		return 'learn'
	end
	return call.known and not epoch_above(b.epoch, call.known) and 'ok' or 'learn'
end

local function sync(keys, args)
	local call, why = sync_parse(keys, args)
	local b, accounts, replies = nil, {}, {}
	if call then
		call.time = time_now()
		b, why = bucket_load(keys[1])
	end
	if not b then
		return redis.error_reply('ERR tgq_sync_v1: ' .. why)
	end
	local status = sync_admit(b, call)
	for i = 1, status == 'ok' and #call.ops or 0 do
		accounts[i], why = account_load(keys[i + 1])
		if not accounts[i] then
			return redis.error_reply('ERR tgq_sync_v1: ' .. why)
		end
	end
	for i, acc in ipairs(accounts) do
		replies[i] = account_sync(b, acc, call, call.ops[i])
	end
	for _, acc in ipairs(accounts) do
		account_save(acc)
	end
	if status == 'ok' and call.flags == 'a' then
		b.asserted[call.member] = b.ep
		put(b, 'a:' .. call.member, b.ep)
	end
	bucket_open(b)
	hash_save(b)
	local answer = reply(b, status, call.time)
	for _, r in ipairs(replies) do
		answer[#answer + 1] = r
	end
	return answer
end

-- tgq_share_v1: what each member has of a rate, of a number at a time, of a rolling window. A member uses its share
-- until it hears of another one; raises are of what nobody has, so all shares together are the limit at most. Who is
-- not heard of for SHARE_SILENT_MS has gone back to its even part, or is about to (src/quota/share.h).

local SHARE_SILENT_MS = 3000
local SHARE_LATE_MS = 2000 -- a call that was sent so long ago is of a lost connection, and no word on what is used now
local SHARE_HEAD = 5 -- arguments before the first account's
local SHARE_EACH = 4 -- arguments of each account

local function share_parse(keys, args)
	local wrong = #keys < 1 and 'no keys' or #keys > ACCOUNTS_MAX and #keys .. ' keys; up to ' .. ACCOUNTS_MAX .. ' are taken'
	local call, names = { member = args[1], run = args[2], seq = number(args[4]), sent = number(args[5]), ops = {} }, nil
	if not wrong and #args ~= SHARE_HEAD + SHARE_EACH * #keys then
		wrong = #args .. ' arguments; ' .. #keys .. ' accounts take ' .. SHARE_HEAD + SHARE_EACH * #keys
	end
	if not wrong and (not call.run or #call.run == 0 or #call.run > 64) then
		wrong = 'run_id is "' .. (call.run or '') .. '"'
	end
	if not wrong and not (call.seq and call.sent) then
		wrong = 'seq or sent_ms is no whole number below 2^53'
	end
	if wrong then
		return nil, wrong
	end
	names, wrong = members_parse(args[3])
	for i, name in ipairs(names or {}) do
		call.index = name == call.member and i or call.index
	end
	if not call.index then
		return nil, wrong or 'member "' .. call.member .. '" is not one of the members "' .. args[3] .. '"'
	end
	call.names = names
	for i = 1, #keys do
		local at, op = SHARE_HEAD + SHARE_EACH * (i - 1), {}
		op.limit, op.use, op.demand = number(args[at + 1]), number(args[at + 2]), number(args[at + 3])
		op.alone = args[at + 4] == 'e'
		if not op.limit or not op.use or not op.demand then
			return nil, 'account "' .. keys[i] .. '": limit, use and demand are not whole numbers below 2^53'
		elseif args[at + 4] ~= '' and not op.alone then
			return nil, 'account "' .. keys[i] .. '": flags are "' .. args[at + 4] .. '", not "" or "e"'
		end
		call.ops[i] = op
	end
	return call
end

-- What of the limit a member has when nobody can be asked: the first ones have what does not divide.
local function share_even(limit, n, i)
	return math.floor(limit / n) + (i <= limit % n and 1 or 0)
end

-- Members as they were heard of last: those who go by the centre (nil: not, or too long ago). What those use at
-- least who have said that they do not. And this one's last seq.
local function share_members(h, call)
	local members, alone, last = {}, {}, -1
	for i, name in ipairs(call.names) do
		local g, d, t, q = string.match(h.hash['m:' .. name] or '', '^(%d+) (%d+) (%d+) (%d+)$')
		if g and call.time.ms - tonumber(t) < SHARE_SILENT_MS then
			members[i] = { g = tonumber(g), d = tonumber(d) }
		end
		alone[i] = t == '0' and tonumber(g) or 0
		last = i == call.index and g and tonumber(q) or last
	end
	return members, alone, last
end

-- By demand, and a quarter of the even part for all: a member that has nothing to do yet can begin.
local function share_target(pool, members, n, me)
	local heard, demand, parts = 0, 0, {}
	for i = 1, n do
		heard = heard + (members[i] and 1 or 0)
		demand = plus(demand, members[i] and members[i].d or 0)
	end
	local floor = math.floor(pool / (4 * heard))
	local rest, given = pool - floor * heard, 0
	for i = 1, n do
		if members[i] then
			local exact = demand > 0 and rest * (members[i].d / demand) or rest / heard
			parts[#parts + 1] = { i = i, part = math.floor(exact), more = exact - math.floor(exact) }
			given = given + math.floor(exact)
		end
	end
	table.sort(parts, function(a, b) return a.more > b.more or a.more == b.more and a.i < b.i end)
	for k, p in ipairs(parts) do -- what rounding has left, to those that lost most of it
		if p.i == me then
			return floor + p.part + (k <= rest - given and 1 or 0)
		end
	end
end

local function share_one(h, call, op)
	local n, me, others, silent = #call.names, call.index, 0, 0
	if h.hash.run ~= call.run then -- it may lack what others have: nothing is raised until they were heard
		put(h, 'run', call.run)
		put(h, 'b', text(call.time.ms + SHARE_SILENT_MS))
	end
	local members, alone, last = share_members(h, call)
	local record = ' ' .. text(op.demand) .. ' ' .. text(op.alone and 0 or call.time.ms) .. ' ' .. text(call.seq)
	if call.seq <= last then -- late: a later one has been here
		return text(op.use)
	elseif op.alone then -- it has its even part soon, whatever it hears: as one that is not heard of
		local even = share_even(op.limit, n, me)
		put(h, 'm:' .. call.member, text(math.max(even, op.use)) .. record)
		return text(math.min(op.use, even))
	end
	members[me] = { g = op.use, d = op.demand }
	for i = 1, n do
		local even = math.max(alone[i], share_even(op.limit, n, i))
		silent = silent + (members[i] and 0 or even)
		others = plus(others, i == me and 0 or members[i] and members[i].g or even)
	end
	local share = share_target(math.max(0, op.limit - silent), members, n, me)
	if share > op.use then
		local free = math.max(0, op.limit - others)
		share = call.time.ms < tonumber(h.hash.b) and op.use or math.min(share, math.max(op.use, free))
	end
	put(h, 'm:' .. call.member, text(math.max(share, op.use)) .. record)
	return text(share)
end

local function share(keys, args)
	local call, why = share_parse(keys, args)
	local answer = {}
	if not call then
		return redis.error_reply('ERR tgq_share_v1: ' .. why)
	end
	call.time = time_now()
	answer[1] = text(call.time.ms)
	if call.sent > 0 and math.abs(call.time.ms - call.sent) > SHARE_LATE_MS then
		return answer
	end
	for i, key in ipairs(keys) do
		local h = hash_load(key)
		answer[i + 1] = share_one(h, call, call.ops[i])
		hash_save(h)
		redis.call('EXPIREAT', key, text(call.time.s + 86400))
	end
	return answer
end

-- tgq_fence_v1

local MODES = { spent = true, settled = true, off = true }

local function fence_parse(keys, args)
	if #keys ~= 1 then
		return #keys .. ' keys; one is taken, the bucket'
	elseif #args ~= 3 then
		return #args .. ' arguments; member, mode and run_id are taken'
	elseif not is_name(args[1]) then
		return 'member "' .. args[1] .. '" is no name: 1 to 64 of A-Z a-z 0-9 . _ -'
	elseif not MODES[args[2]] then
		return 'mode is "' .. args[2] .. '", not spent, settled or off'
	elseif #args[3] == 0 or #args[3] > 64 then
		return 'run_id is "' .. args[3] .. '"'
	end
	return nil
end

local function is_known(b, member)
	for _, name in ipairs(b.names) do
		if name == member then
			return true
		end
	end
	return #b.names == 0 or b.incarnation[member] ~= nil
end

-- A second fence changes the mode only: the member has been kept out since the first.
local function fence_set(b, member, mode, run, time)
	local f = b.fenced[member]
	if not f then
		local known = b.epoch and b.run == run and not b.learning
		f = { epoch = known and b.ep or '-', ms = time.ms }
	end
	f.mode = mode
	b.fenced[member] = f
	put(b, 'f:' .. member, mode .. ' ' .. f.epoch .. ' ' .. text(f.ms))
	if b.run == run then
		bucket_open(b)
	end
end

local function fence(keys, args)
	local why = fence_parse(keys, args)
	local member, mode, run = args[1], args[2], args[3]
	local time, b = nil, nil
	if not why then
		time = time_now()
		b, why = bucket_load(keys[1])
	end
	if b and not is_known(b, member) then
		b, why = nil, 'there is no member "' .. member .. '"; members are "' .. b.hash.ml .. '"'
	end
	if not b then
		return redis.error_reply('ERR tgq_fence_v1: ' .. why)
	end
	if mode ~= 'off' then
		fence_set(b, member, mode, run, time)
	elseif b.fenced[member] then
		b.fenced[member] = nil
		drop(b, 'f:' .. member)
		bucket_begin(b, nil, run, 0, member, time)
	end
	hash_save(b)
	return reply(b, 'ok', time)
end

-- tgq_read_v1

local function read(keys, args)
	local why = keys_wrong(keys) or #args > 0 and #args .. ' arguments; none are taken' or nil
	if why then
		return redis.error_reply('ERR tgq_read_v1: ' .. why)
	end
	local hashes = {}
	for i, key in ipairs(keys) do
		hashes[i] = redis.call('HGETALL', key)
	end
	return hashes
end

if redis.register_function then
	redis.register_function('tgq_sync_v1', sync)
	redis.register_function('tgq_fence_v1', fence)
	redis.register_function('tgq_share_v1', share)
	redis.register_function{ function_name = 'tgq_read_v1', callback = read, flags = { 'no-writes' } }
	return
end

local BY_NAME = { tgq_sync_v1 = sync, tgq_fence_v1 = fence, tgq_share_v1 = share, tgq_read_v1 = read }
local name = table.remove(ARGV, 1)
if not name or not BY_NAME[name] then
	return redis.error_reply('ERR tgq: the first argument is "' .. (name or '') ..
		'", not tgq_sync_v1, tgq_fence_v1, tgq_share_v1 or tgq_read_v1')
end
return BY_NAME[name](KEYS, ARGV)
