/*
 * event_hold.c: see event_hold.h. An event ends with an empty line: LF LF, CR LF CR LF, or CR CR.
 * Runs on the request's worker.
 */
#include "core/event_hold.h"
#include "core/req.h"

#define HOLD_IOV 64

/* Does an event end with b, given the two bytes before it? */
static bool hold_border(char before2, char before1, char b)
{
	if (b == '\n')
		return before1 == '\n' || (before1 == '\r' && before2 == '\n');
	return b == '\r' && before1 == '\r';
}

/* The length of s up to the end of its last event; 0 when none ends in it. tail: the two bytes
 * before s. */
static size_t hold_last_border(struct str s, const char tail[2])
{
	for (size_t i = s.n; i > 0; i--) {
		char b1 = i >= 2 ? s.p[i - 2] : tail[1];
		char b2 = i >= 3 ? s.p[i - 3] : i == 2 ? tail[1] : tail[0];

		if (hold_border(b2, b1, s.p[i - 1]))
			return i;
	}
	return 0;
}

static void hold_remember(struct event_hold *e, struct str s)
{
	if (s.n >= 2) {
		e->tail[0] = s.p[s.n - 2];
		e->tail[1] = s.p[s.n - 1];
	} else if (s.n == 1) {
		e->tail[0] = e->tail[1];
		e->tail[1] = s.p[0];
	}
}

static struct str hold_str(const struct iovec *iov)
{
	return str_mk(iov->iov_base, iov->iov_len);
}

/*
 * Where the last event ends: span *at, its first *len bytes. False: in none of them. Remembers the
 * last bytes of all.
 */
static bool hold_find(struct event_hold *e, const struct iovec *iov, int n, int *at, size_t *len)
{
	bool found = false;
	size_t border;

	for (int i = 0; i < n; i++) {
		border = hold_last_border(hold_str(&iov[i]), e->tail);
		if (border > 0) {
			found = true;
			*at = i;
			*len = border;
		}
		hold_remember(e, hold_str(&iov[i]));
	}
	return found;
}

/* Held bytes, then the first n spans (the last of them only `last` bytes). */
static int hold_release(struct event_hold *e, const struct iovec *iov, int n, size_t last, bool fin)
{
	struct iovec out[HOLD_IOV];
	int k = bufq_iov(&e->q, out, HOLD_IOV / 2);
	int rc;

	tg_assert(n <= HOLD_IOV / 2);
	for (int i = 0; i < n; i++)
		out[k + i] = iov[i];
	if (n > 0)
		out[k + n - 1].iov_len = last;
	rc = sink_write(e->sink.next, out, k + n, fin);
	bufq_clear(&e->q);
	return rc;
}

/* Keep what follows the last border; what is too much passes as it is. */
static int hold_keep(struct event_hold *e, const struct iovec *iov, int n, size_t skip)
{
	for (int i = 0; i < n; i++) {
		struct str s = str_skip(hold_str(&iov[i]), i == 0 ? skip : 0);

		if (s.n == 0 || bufq_append(&e->q, s) == 0)
			continue;
		e->inside = true;
		if (hold_release(
			    e, &(struct iovec){ (char *)(uintptr_t)s.p, s.n }, 1, s.n, false) != 0)
			return -1;
	}
	return 0;
}

/* Nothing is held and the spans end with an event, as most reads do: nothing to look for. */
static bool hold_whole(const struct event_hold *e, const struct iovec *iov, int n)
{
	struct str last = n > 0 ? hold_str(&iov[n - 1]) : STR_NONE;

	return e->q.len == 0 && last.n >= 3 &&
	       hold_border(last.p[last.n - 3], last.p[last.n - 2], last.p[last.n - 1]);
}

static int hold_write(struct sink *s, const struct iovec *iov, int n, bool fin)
{
	struct event_hold *e = TG_CONTAINER_OF(s, struct event_hold, sink);
	size_t len = 0;
	int at = 0;

	if (fin)
		return hold_release(e, iov, n, n > 0 ? iov[n - 1].iov_len : 0, true);
	if (hold_whole(e, iov, n)) {
		hold_remember(e, hold_str(&iov[n - 1]));
		e->inside = false;
		return sink_write(s->next, iov, n, false);
	}
	if (!hold_find(e, iov, n, &at, &len)) {
		/* The head may still have to go out. */
		if (!s->req->head_sent && sink_write(s->next, NULL, 0, false) != 0)
			return -1;
		return hold_keep(e, iov, n, 0);
	}
	e->inside = false;
	if (hold_release(e, iov, at + 1, len, false) != 0)
		return -1;
	return hold_keep(e, iov + at, n - at, len);
}

static const struct sink_ops hold_ops = { .name = "events", .write = hold_write };

struct event_hold *event_hold_push(struct req *r)
{
	struct event_hold *e = arena_zalloc(&r->arena, sizeof(*e));

	if (e == NULL)
		return NULL;
	bufq_init(&e->q, &r->w->blocks, EVENT_HOLD_MAX);
	e->tail[0] = e->tail[1] = '\n'; /* nothing yet: an empty line would be a border */
	sink_push(r, &e->sink, &hold_ops);
	return e;
}

void event_hold_fini(struct event_hold *e)
{
	bufq_clear(&e->q);
}
