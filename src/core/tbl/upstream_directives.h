/*
 * Clocks and pool towards a provider, which stand in `upstream` with defaults, and in each target without, where absent means
 * inherited: X(name, TYPE, member, the rest of the directive). DEFAULT(text) is the text, or NULL.
 */
X(connect, DURATION, connect_us, .def = DEFAULT("5s"), .min = 10 * MS, .max = 10 * MINUTE,
	.help = "To connect, TLS included, for each address.")
X(first_byte, DURATION, first_byte_us, .def = DEFAULT("10m"), .min = 10 * MS, .max = DAY,
	.help = "From the end of the request to the first byte of the answer; reasoning models think long.")
X(between_bytes, DURATION, between_bytes_us, .def = DEFAULT("2m"), .min = 10 * MS, .max = DAY,
	.help = "Between two bytes of the answer.")
X(send, DURATION, send_us, .def = DEFAULT("30s"), .min = 10 * MS, .max = DAY,
	.help = "Without the provider taking a byte of the request.")
X(total, DURATION, total_us, .def = DEFAULT("60m"), .min = 10 * MS, .max = 7 * DAY,
	.help = "For the whole exchange with the provider.")
X(keep_alive, DURATION, idle_us, .def = DEFAULT("60s"), .min = 10 * MS, .max = DAY,
	.help = "An idle connection is kept this long.")
X(pool, INT, pool, .def = DEFAULT("64"), .min = 1, .max = 65536,
	.help = "Idle connections kept, for each target and worker.")
