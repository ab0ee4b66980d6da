/*
 * config_limits.c: the directive tables of what clients may ask of this process: sizes and numbers
 * (`limits`), and how long they may take (`timeouts`). Part of config.c's tables.
 */
#include "core/config_table.h"

static int check_limits(struct conf_load *l, void *obj)
{
	const struct cfg_limits *c = obj;

	if (c->json_bytes > c->body_bytes)
		return conf_fail_at(
			l, &c->json_bytes, "`json_body` must not be larger than `body`");
	if (c->json_bytes > c->memory_bytes)
		return conf_fail_at(
			l, &c->json_bytes, "`json_body` must not be larger than `memory`");
	if (c->hold_bytes > c->memory_bytes)
		return conf_fail_at(
			l, &c->hold_bytes, "`held_response` must not be larger than `memory`");
	return 0;
}

static const struct conf_directive limits_directives[] = {
	{ .name = "head",
		.type = CONF_SIZE,
		AT(cfg_limits, head_bytes),
		.def = "32k",
		.min = KB,
		.max = 64 * KB - 1,
		.help = "Largest request line with all header fields; more is a 431." },
	{ .name = "body",
		.type = CONF_SIZE,
		AT(cfg_limits, body_bytes),
		.def = "512m",
		.min = KB,
		.max = 1024 * GB,
		.help = "Largest request body of any kind; uploads are streamed. More is a 413." },
	{ .name = "json_body",
		.type = CONF_SIZE,
		AT(cfg_limits, json_bytes),
		.def = "32m",
		.min = KB,
		.max = GB,
		.help = "Largest JSON request body; these are held in memory as a whole." },
	{ .name = "held_response",
		.type = CONF_SIZE,
		AT(cfg_limits, hold_bytes),
		.def = "2m",
		.max = GB,
		.help = "Largest JSON answer that is held back until its cost is known and can be "
			"told in a "
			"header; larger ones are streamed." },
	{ .name = "memory",
		.type = CONF_SIZE,
		AT(cfg_limits, memory_bytes),
		.flags = CONF_AT_START,
		.def = "1g",
		.min = 16 * MB,
		.max = 1024 * GB,
		.help = "Bytes of requests and answers in memory at once, over all workers; beyond "
			"it new requests get a 503. Each worker has an equal part of it, which "
			"must hold the largest JSON body and answer." },
	{ .name = "connections",
		.type = CONF_INT,
		AT(cfg_limits, connections),
		.def = "65536",
		.min = 0,
		.max = 10000000,
		.help = "Client connections at once, over all workers; 0: no limit." },
	{ .name = "connections_per_address",
		.type = CONF_INT,
		AT(cfg_limits, connections_per_address),
		.def = "0",
		.min = 0,
		.max = 10000000,
		.help = "Client connections at once from one address; 0: no limit." },
	{ .name = "sessions",
		.type = CONF_INT,
		AT(cfg_limits, sessions),
		.flags = CONF_AT_START,
		.def = "65536",
		.min = 16,
		.max = 4194304,
		.help = "How many limits of sessions and end users are counted at once; beyond, "
			"the one that was not used for longest is forgotten. Rounded up to 16 "
			"times a power of two." },
	{ .name = "requests_per_connection",
		.type = CONF_INT,
		AT(cfg_limits, requests_per_connection),
		.def = "0",
		.min = 0,
		.max = 1000000000,
		.help = "Requests after which a client connection is closed; 0: no limit." },
	{ .name = NULL },
};
const struct conf_block config_limits_block = {
	.name = "limits",
	.help = "How much clients may ask of this process.",
	.size = sizeof(struct cfg_limits),
	.directives = limits_directives,
	.check = check_limits,
};

static const struct conf_directive timeouts_directives[] = {
	{ .name = "idle",
		.type = CONF_DURATION,
		AT(cfg_timeouts, idle_us),
		.def = "75s",
		.min = 100 * MS,
		.max = DAY,
		.help = "Between two requests of a connection." },
	{ .name = "head",
		.type = CONF_DURATION,
		AT(cfg_timeouts, head_us),
		.def = "10s",
		.min = 100 * MS,
		.max = HOUR,
		.help = "From the first byte of a request's head to its end." },
	{ .name = "body",
		.type = CONF_DURATION,
		AT(cfg_timeouts, body_us),
		.def = "30s",
		.min = 100 * MS,
		.max = HOUR,
		.help = "Without a byte of the request's body." },
	{ .name = "body_rate",
		.type = CONF_SIZE,
		AT(cfg_timeouts, body_rate),
		.def = "256",
		.max = GB,
		.help = "Bytes a second that a request body must average once `body` has passed; "
			"0: any rate." },
	{ .name = "send",
		.type = CONF_DURATION,
		AT(cfg_timeouts, send_us),
		.def = "60s",
		.min = 100 * MS,
		.max = DAY,
		.help = "Without the client taking a byte of the answer." },
	{ .name = "send_rate",
		.type = CONF_SIZE,
		AT(cfg_timeouts, send_rate),
		.def = "256",
		.max = GB,
		.help = "Bytes a second that a client must take on average over `send`, counted "
			"only while an answer waits for it; 0: any rate." },
	{ .name = "drain",
		.type = CONF_DURATION,
		AT(cfg_timeouts, drain_us),
		.def = "10m",
		.max = DAY,
		.help = "For running requests to finish after SIGTERM." },
	{ .name = NULL },
};
const struct conf_block config_timeouts_block = {
	.name = "timeouts",
	.help = "Clocks towards clients.",
	.size = sizeof(struct cfg_timeouts),
	.directives = timeouts_directives,
};
