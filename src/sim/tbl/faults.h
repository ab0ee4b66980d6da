/*
 * Faults by name: X(ENUM_SUFFIX, "name", "help"). "name@N" sets the argument; a bare 4xx or 5xx
 * number is the fault of answering with that status. --help and the manual page are made from this
 * table.
 */
X(STALL, "stall", "no byte at all; a stream falls silent half way; @N: after N events")
X(TRUNCATE, "truncate",
	"closes in order half way through the body; @N: after N events or body bytes")
X(RESET, "reset", "TCP reset after N bytes of the response (0 when no @N)")
X(NO_USAGE, "no-usage", "leaves usage out everywhere")
X(WRONG_USAGE, "wrong-usage", "reports 2*input+7 and 3*output+11 (the ledger keeps the truth)")
X(SLOW_DRIP, "slow-drip", "sends @N bytes a second in small pieces (1000 when no @N)")
X(BAD_JSON, "bad-json", "cuts the JSON body; in a stream the event @N (1)")
X(BAD_HEAD, "bad-head", "a response head no strict parser takes (space before a colon)")
X(BAD_CHUNK, "bad-chunk", "chunked, with a chunk size that is not hexadecimal")
X(GZIP, "gzip", "Content-Encoding: gzip, asked for or not")
X(CLOSE_IDLE, "close-idle", "closes right after a complete keep-alive answer")
X(CLOSE_REUSE, "close-reuse", "closes when the next request arrives on the connection, unanswered")
X(STREAM_ERROR, "stream-error", "an error event in the stream after @N events (half), then the end")
X(WRONG_KIND, "wrong-kind", "one JSON body where a stream was asked for, a stream where it was not")
X(QUOTA, "quota", "429 that means out of money (insufficient_quota), not to be retried")
