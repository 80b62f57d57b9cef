//! What is done at the server in one step each: scripts, so that nobody comes in between. Times are microseconds since 1970 by
//! the server's clock (`TIME`), which all gateways have in common; whole ones, since numbers there are exact to 2^53.

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Value};

use super::link::good;

/// Units of a rate: the generic cell rate algorithm (ITU-T I.371, annex A) for several units at once. An arrival time beyond the
/// burst is that of a clock which was set back: it counts as an empty bucket.
///
/// KEYS: cell. ARGV: interval in µs, burst, units wanted. Gives units, units left, µs until there is one, µs until all are there.
const RATE: &str = "local t = redis.call('TIME') local now = t[1] * 1000000 + t[2] \
 local interval = tonumber(ARGV[1]) local depth = interval * tonumber(ARGV[2]) local want = tonumber(ARGV[3]) \
 local arrival = tonumber(redis.call('GET', KEYS[1]) or '0') or 0 \
 if arrival < now then arrival = now elseif arrival > now + depth then arrival = now + depth end \
 local units = math.max(0, math.min(want, math.floor((now + depth - arrival) / interval))) \
 local retry = 0 \
 if units > 0 then arrival = arrival + units * interval \
  redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', string.format('%.0f', math.ceil((arrival - now) / 1000))) \
 else retry = math.max(1, arrival + interval - now - depth) end \
 local left = math.max(0, math.floor((now + depth - arrival) / interval)) \
 return { units, left, retry, arrival - now }";

/// Units of a window. A gateway whose clock is ahead sees less of it to come: what was said of its end before stands.
///
/// KEYS: cell of the window. ARGV: limit, units wanted, ms until it is forgotten. Gives units, units left, 0, 0.
const QUOTA: &str = "local limit = tonumber(ARGV[1]) local used = tonumber(redis.call('GET', KEYS[1]) or '0') or 0 \
 local units = math.max(0, math.min(tonumber(ARGV[2]), limit - used)) \
 if units > 0 then used = redis.call('INCRBY', KEYS[1], units) \
  if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end end \
 return { units, math.max(0, limit - used), 0, 0 }";

/// Units of a window that were not used.
///
/// KEYS: cell of the window. ARGV: units.
const BACK: &str = "local used = tonumber(redis.call('GET', KEYS[1]) or '0') or 0 \
 local units = math.min(used, tonumber(ARGV[1])) if units > 0 then redis.call('DECRBY', KEYS[1], units) end return units";

/// Since when nothing was lost here, and in which run of the server that began: written by whoever finds that it is not there, or
/// that it is of another run, by the later of both clocks. A server that begins again may have lost what it was told last, with
/// whatever it has kept. A clock that is far ahead says nothing: what is more than 10 s to come is cut to that, whoever wrote it.
///
/// KEYS[1]: the memory's beginning. ARGV[1]: our time in µs. ARGV[2]: ms until it is forgotten. ARGV[3]: the run.
const BEGIN: &str = "local t = redis.call('TIME') local now = t[1] * 1000000 + t[2] \
 local kept, of = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+):(%w+)$') \
 local begun = tonumber(kept or '0') \
 if of ~= ARGV[3] then begun = math.max(begun, tonumber(ARGV[1]), now) end \
 begun = string.format('%.0f', math.min(begun, now + 10000000)) \
 if of ~= ARGV[3] or begun ~= kept then redis.call('SET', KEYS[1], begun .. ':' .. ARGV[3], 'PX', ARGV[2]) end ";

/// What is used once. KEYS[2]: the use. ARGV[4]: ms until it is forgotten. Gives whether it is the first, and the beginning.
const USE: &str = "local first = redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[4]) \
 return { first and 1 or 0, begun }";

/// Whether it is still the server that the connection was made to: what stands between may have changed it for another.
const SAME: &str = "if string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') ~= ARGV[3] then \
 return redis.error_reply('ERR another server answers than before') end ";

/// Keeps the beginning, and shows that what is written is kept. Gives it.
const BEAT: &str = "redis.call('SET', KEYS[1], begun .. ':' .. ARGV[3], 'PX', ARGV[2]) return begun";

/// Changes of the denylist behind one. KEYS[2]: order. KEYS[3]: entries. ARGV[4]: the last that is known. ARGV[5]: how many.
/// Gives the beginning, and number, name and entry of each.
const LOOK: &str = "local found = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[4], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[5]) \
 local out = { begun } \
 for i = 1, #found, 2 do out[#out + 1] = string.format('%.0f', tonumber(found[i + 1])) out[#out + 1] = found[i] \
  out[#out + 1] = redis.call('HGET', KEYS[3], found[i]) or '' end \
 return out";

/// Puts entries on the denylist, or notes that they were taken back. Those that are over are left out, by 256 each time. An entry that
/// says no more than what is there changes nothing.
///
/// Of what was revoked and taken back, what was said last stands, however late it comes: each carries when that was, in µs since 1970
/// and never later than now. What is revoked now (`f`) is the last in any case. An undo of what was revoked again since
/// changes nothing but its number, so that whoever took it back reads it again.
///
/// The number of a change is higher than that of any before, and no less than the time, so that it is also higher than those
/// that were lost with what the server was told last.
///
/// KEYS: number, order, entries, ends. ARGV: most entries; then name, `f`, `r` or `u`, the second before which (-1: none), the second
/// at which it ends, and when it was said, of each. Gives how many changed something, or -1 where there is no room.
const DENY: &str = "local t = redis.call('TIME') local now = tonumber(t[1]) local micros = t[1] * 1000000 + t[2] \
 for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, 256)) do \
  redis.call('ZREM', KEYS[2], name) redis.call('HDEL', KEYS[3], name) redis.call('ZREM', KEYS[4], name) end \
 local changed = 0 \
 for i = 2, #ARGV, 5 do local name, act, before, ends = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]) \
  local said, again = math.min(tonumber(ARGV[i + 4]), micros), false \
  local old = redis.call('HGET', KEYS[3], name) \
  local a, b, e, s = string.match(old or '', '^([ru]):(-?%d+):(%d+):(%d+)$') b, e, s = tonumber(b or 0), tonumber(e or 0), tonumber(s or 0) \
  if act == 'f' then act = 'r' if a then said = math.max(said, s + 1) end end \
  if not old and redis.call('ZCARD', KEYS[4]) >= tonumber(ARGV[1]) then return -1 end \
  if a and a ~= act and (said < s or said == s and act == 'u') then if act == 'u' then again, ends = true, e end act, before, said = a, b, s \
  elseif a == 'r' and act == 'r' then said = math.max(said, s) \
   if b < 0 or before < 0 then before = -1 else before = math.max(b, before) end \
  elseif a == act then said = math.max(said, s) end \
  local entry = string.format('%s:%.0f:%.0f:%.0f', act, before, math.max(ends, e), said) \
  if entry ~= old or again then \
   local number = string.format('%.0f', math.max((tonumber(redis.call('GET', KEYS[1]) or '0') or 0) + 1, micros)) \
   redis.call('SET', KEYS[1], number) redis.call('ZADD', KEYS[2], number, name) redis.call('HSET', KEYS[3], name, entry) \
   redis.call('ZADD', KEYS[4], string.format('%.0f', math.max(ends, e)), name) changed = changed + 1 end end \
 local last = redis.call('ZREVRANGE', KEYS[4], 0, 0, 'WITHSCORES') \
 if last[2] then for i = 1, 4 do redis.call('EXPIREAT', KEYS[i], string.format('%.0f', tonumber(last[2]) + 3600)) end end \
 return changed";

/// Which script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    Rate,
    Quota,
    Back,
    Use,
    Beat,
    Look,
    Deny,
}

impl Script {
    /// Whether it looks since when nothing was lost.
    pub(super) fn begins(self) -> bool {
        matches!(self, Self::Use | Self::Beat | Self::Look)
    }
}

/// All of them, in the order of their numbers.
const ALL: [(Script, &[&str]); 7] = [
    (Script::Rate, &[RATE]),
    (Script::Quota, &[QUOTA]),
    (Script::Back, &[BACK]),
    (Script::Use, &[BEGIN, USE]),
    (Script::Beat, &[SAME, BEGIN, BEAT]),
    (Script::Look, &[BEGIN, LOOK]),
    (Script::Deny, &[DENY]),
];

/// What the server calls the scripts.
#[derive(Debug, Default)]
pub(super) struct Loaded(Vec<String>);

impl Loaded {
    /// Loads them, one question each.
    pub(super) async fn load(connection: &mut MultiplexedConnection) -> Result<Self, String> {
        let mut names = Vec::with_capacity(ALL.len());
        for (_, parts) in ALL {
            let mut command = redis::cmd("SCRIPT");
            command.arg("LOAD").arg(parts.concat());
            let answer = good(connection.send_packed_command(&command).await)?;
            names.push(text(&answer).ok_or("it does not name a script")?.to_owned());
        }
        Ok(Self(names))
    }

    /// A call of one.
    pub(super) fn call(&self, script: Script, keys: &[String]) -> Cmd {
        let place = ALL.iter().position(|(known, _)| *known == script).unwrap_or_default();
        let mut command = redis::cmd("EVALSHA");
        command.arg(self.0.get(place).map_or("", String::as_str)).arg(keys.len());
        for key in keys {
            command.arg(key);
        }
        command
    }
}

/// An answer as text.
pub(super) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

/// An answer as a number that is not negative.
pub(super) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        other => text(other)?.parse().ok(),
    }
}

/// An answer of several parts.
pub(super) fn parts(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(parts) => Some(parts),
        _ => None,
    }
}
