/*
 * fuzz_response.c: one whole answer of a provider as the gateway takes it apart: head, fields for
 * the client, framing, metering. The first byte says which API it answers and whether to HEAD, the
 * second how the input is cut. Cutting changes nothing; what goes to the client is read back by the
 * strict parser.
 */
#include <stdlib.h>

#include "core/fields.h"
#include "proto/http1_body.h"
#include "providers/meter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_fields(const struct http_head *h)
{
	static const char *const ours[] = { "connection", "transfer-encoding", "content-length",
		"set-cookie", "server", "date", "authorization", "x-api-key", "server-timing" };
	size_t cap = h->head_len + 160u;
	enum http_error err = HTTP_E_NONE;
	char *room = malloc(cap);
	struct http_head again;
	struct http_out o;

	http_out_init(&o, room, cap);
	http_out_status(&o, h->status);
	fields_to_client(&o, h);
	http_out_end(&o);
	require(http_out_ok(&o));
	require(http1_response_parse(o.p, o.n, HTTP_M_GET, &again, &err) == 0);
	require(again.status == h->status && again.n_fields <= h->n_fields);
	for (unsigned i = 0; i < again.n_fields; i++) {
		struct str name = http_field_name(&again, i);

		for (size_t k = 0; k < TG_ARRAY_LEN(ours); k++)
			require(!str_eq_ci(name, str_z(ours[k])));
		require(!str_starts_ci(name, STR("x-tollgate-")));
		require(!str_starts_ci(name, STR("x-ratelimit-")));
	}
	free(room);
}

struct answer {
	struct meter m;
	char buf[METER_BUF_BYTES];
	char *out;
	size_t n, used;
	enum body_rc end;
	enum http_error err;
};

/* Unframe and meter, as an attempt and its sinks do; what the client gets goes to out. */
static void take(
	struct answer *a, const struct http_head *h, uint8_t how, struct str in, size_t piece)
{
	bool sse = str_starts_ci(http_get(h, HTTP_N_CONTENT_TYPE), STR("text/event-stream"));
	static struct iovec iov[4096];
	struct http1_body b;
	struct str held;
	size_t used;

	a->out = malloc(in.n + 1);
	a->n = a->used = 0;
	a->end = BODY_MORE;
	a->err = HTTP_E_NONE;
	meter_init(&a->m, (enum meter_api)(how % (METER_ANTHROPIC_COUNT + 1)), sse, a->buf,
		sizeof a->buf);
	a->m.strip = sse && (how & 0x40) != 0;
	http1_body_init(&b, h);
	while (in.n > 0 && !http1_body_done(&b)) {
		size_t n = TG_MIN(piece, in.n);
		char *copy = malloc(n);
		struct str data = STR_NONE;

		memcpy(copy, in.p, n);
		a->end = http1_body_feed(&b, copy, n, &used, &data);
		require(used <= n);
		if (a->end == BODY_DATA) {
			int spans = meter_filter(&a->m, data, iov, 4096);

			for (int i = 0; i < spans; i++) {
				memcpy(a->out + a->n, iov[i].iov_base, iov[i].iov_len);
				a->n += iov[i].iov_len;
			}
		}
		free(copy);
		a->used += used;
		in = str_skip(in, used);
		if (a->end == BODY_BAD)
			break;
	}
	meter_finish(&a->m);
	held = meter_held(&a->m);
	if (held.n > 0)
		memcpy(a->out + a->n, held.p, held.n);
	a->n += held.n;
	if (a->end == BODY_BAD)
		a->err = b.err;
	else
		a->end = http1_body_done(&b) ? BODY_END : BODY_MORE;
}

static void check_body(const struct http_head *h, uint8_t how, struct str rest, size_t piece)
{
	static struct answer whole, cut;

	take(&whole, h, how, rest, rest.n);
	take(&cut, h, how, rest, piece);
	require(whole.end == cut.end && whole.err == cut.err);
	if (whole.end != BODY_BAD) {
		require(whole.used == cut.used);
		require(str_eq(str_mk(whole.out, whole.n), str_mk(cut.out, cut.n)));
		require(whole.m.usage.source == cut.m.usage.source);
		require(memcmp(whole.m.usage.n, cut.m.usage.n, sizeof whole.m.usage.n) == 0);
		require(str_eq(whole.m.model, cut.m.model));
		require(str_eq(whole.m.service_tier, cut.m.service_tier));
		require(whole.m.terminal == cut.m.terminal && whole.m.cuts == cut.m.cuts);
	}
	free(whole.out);
	free(cut.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum http_error err = HTTP_E_NONE;
	struct http_head h;
	size_t resume = 0;
	struct str in;
	char *copy;
	long head;

	if (size < 3 || size > METER_HOLD_BYTES)
		return 0;
	in = str_mk((const char *)data + 2, size - 2);
	head = http1_head_end(in.p, in.n, &resume, 32768, &err);
	if (head <= 0)
		return 0;
	copy = malloc((size_t)head);
	memcpy(copy, in.p, (size_t)head);
	if (http1_response_parse(copy, (size_t)head,
		    (data[0] & 0x80) != 0 ? HTTP_M_HEAD : HTTP_M_POST, &h, &err) == 0 &&
		h.status >= 200) {
		check_fields(&h);
		check_body(&h, data[0] & 0x7f, str_skip(in, (size_t)head), 1 + data[1] % 64);
	}
	free(copy);
	return 0;
}
