/*
 * fuzz_meter.c: a response means the same in every split, and what is passed on is the same bytes.
 * The first byte chooses API, kind and whether the usage chunk is taken out; the second the size of
 * the pieces.
 */
#include <stdlib.h>

#include "providers/meter_estimate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

#define MAX_SPANS 4096

struct result {
	struct meter m;
	char buf[METER_BUF_BYTES];
	char *out;
	size_t n;
};

static void run(struct result *r, const uint8_t *how, struct str text, size_t piece)
{
	static struct iovec iov[MAX_SPANS];
	struct str held;

	meter_init(&r->m, (enum meter_api)(how[0] & 15), how[0] & 0x80, r->buf, sizeof r->buf);
	r->m.strip = how[0] & 0x40;
	r->n = 0;
	while (text.n > 0) {
		size_t n = TG_MIN(piece, text.n);
		char *copy = malloc(n);
		int spans;

		memcpy(copy, text.p, n);
		spans = meter_filter(&r->m, str_mk(copy, n), iov, MAX_SPANS);
		for (int i = 0; i < spans; i++) {
			memcpy(r->out + r->n, iov[i].iov_base, iov[i].iov_len);
			r->n += iov[i].iov_len;
		}
		free(copy);
		text = str_skip(text, n);
	}
	meter_finish(&r->m);
	held = meter_held(&r->m);
	if (held.n > 0)
		memcpy(r->out + r->n, held.p, held.n);
	r->n += held.n;
}

static void same_usage(const struct usage *a, const struct usage *b)
{
	require(a->source == b->source && memcmp(a->n, b->n, sizeof a->n) == 0);
	require(memcmp(a->n, b->n, sizeof a->n) == 0);
}

static void same_names(const struct meter *a, const struct meter *b)
{
	require(str_eq(a->model, b->model) && str_eq(a->service_tier, b->service_tier));
	require(str_eq(a->region, b->region) && str_eq(a->speed, b->speed));
	require(str_eq(a->size, b->size) && str_eq(a->quality, b->quality));
	require(a->images == b->images && a->search_bucket == b->search_bucket);
	require(a->has_reported == b->has_reported && a->reported == b->reported);
	require(!a->has_advisor || str_eq(a->advisor_model, b->advisor_model));
}

/* Estimates may differ from split to split; none takes anything back. */
static void sane_estimate(const struct meter *m, uint64_t bytes)
{
	struct bound asked = { .input_bytes = 100, .n = 1 };
	struct est_ratio r = { .n = 0 };
	struct usage u;

	require(m->tally.bytes == bytes && m->tally.events <= bytes);
	require(meter_tally_text(&m->tally) <= bytes);
	meter_estimate(m, NULL, &asked, &u);
	require(usage_input(&u) >= usage_input(&m->usage));
	require(usage_output(&u) >= usage_output(&m->usage));
	meter_learn(m, &asked, &r);
	require(r.out_mbpt == 0 || (r.out_mbpt >= 1000 && r.out_mbpt <= 8000));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct result whole, cut;
	struct str text;

	if (size < 3 || size > METER_HOLD_BYTES)
		return 0;
	text = str_mk((const char *)data + 2, size - 2);
	whole.out = malloc(size);
	cut.out = malloc(size);
	run(&whole, data, text, text.n);
	run(&cut, data, text, 1 + data[1] % 64);
	same_usage(&whole.m.usage, &cut.m.usage);
	same_names(&whole.m, &cut.m);
	sane_estimate(&whole.m, text.n);
	sane_estimate(&cut.m, text.n);
	require(whole.m.audio_seconds == cut.m.audio_seconds);
	require(whole.m.terminal == cut.m.terminal && whole.m.error_event == cut.m.error_event);
	require(whole.m.has_advisor == cut.m.has_advisor && whole.m.cuts == cut.m.cuts);
	if (whole.m.has_advisor)
		same_usage(&whole.m.advisor, &cut.m.advisor);
	require(str_eq(str_mk(whole.out, whole.n), str_mk(cut.out, cut.n)));
	require(whole.n <= text.n && (whole.m.cuts > 0 || whole.n == text.n));
	free(whole.out);
	free(cut.out);
	return 0;
}
