/*
 * quotasync_fence.c: a member that does not come back is fenced by an operator: in every bucket the
 * others stop waiting for it (tgq_fence_v1). The page's thread asks, and waits; the control
 * thread has the connections.
 *
 *	admin thread   quotasync_fence_page --> mail --> wait (FENCE_WAIT_S)
 *	control        on_mail: a call in each bucket; the last reply wakes the admin thread
 */
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "quotasync_int.h"
#include "quota/lease_wire.h"

#define FENCE_WAIT_S 20

static const char *const modes[] = { "spent", "settled", "off", NULL };

/* Shared by both threads; the last of `refs` frees it. */
struct fence {
	struct mail mail;
	pthread_mutex_t lock;
	pthread_cond_t done;
	unsigned refs, awaited, made;
	bool over;
	char member[LEASE_NAME_MAX + 1], mode[8], who[128], reason[256];
	char why[256]; /* the first that went wrong */
};

static void fence_put(struct fence *f)
{
	bool last;

	pthread_mutex_lock(&f->lock);
	last = --f->refs == 0;
	pthread_mutex_unlock(&f->lock);
	if (!last)
		return;
	pthread_cond_destroy(&f->done);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* ---- control thread */

static void fence_over(struct fence *f)
{
	log_notice("member of shared limits fenced",
		"member=%s mode=%s buckets=%u who=\"%s\" why=\"%s\" problem=\"%s\"", f->member,
		f->mode, f->made, f->who, f->reason, f->why);
	pthread_mutex_lock(&f->lock);
	f->over = true;
	pthread_cond_signal(&f->done);
	pthread_mutex_unlock(&f->lock);
	fence_put(f);
}

static void fence_wrong(struct fence *f, const char *why)
{
	if (f->why[0] == '\0')
		snprintf(f->why, sizeof f->why, "%s", why);
}

static void on_fenced(const struct redis_value *reply, const char *why, void *arg)
{
	struct fence *f = arg;

	if (reply == NULL)
		fence_wrong(f, why);
	else if (reply->kind == REDIS_ERROR)
		fence_wrong(f, reply->text.n > 0 ? reply->text.p : "an error");
	else
		f->made++;
	if (--f->awaited == 0)
		fence_over(f);
}

static void fence_bucket(struct fence *f, unsigned i)
{
	char text[LEASE_KEY_MAX(256)];
	struct sync_bucket *b = &qs.bucket[i];
	struct str key, args[3];

	if (b->node == NULL || redis_node_server(b->node) == NULL) {
		fence_wrong(f, "Redis is down");
		return;
	}
	key = str_mk(text, lease_key_bucket(text, qs.cfg.prefix, i));
	args[0] = str_z(f->member);
	args[1] = str_z(f->mode);
	args[2] = str_z(redis_node_server(b->node)->run_id);
	if (redis_script_call(qs.script, b->node, STR("tgq_fence_v1"), &key, 1, args, 3, 0,
		    on_fenced, f) == 0)
		f->awaited++;
	else
		fence_wrong(f, "a call cannot be sent");
}

static void on_fence_mail(struct mail *m, void *owner)
{
	struct fence *f = TG_CONTAINER_OF(m, struct fence, mail);

	(void)owner;
	f->awaited = 1; /* until all are sent */
	for (unsigned i = 0; i < LEASE_BUCKETS; i++)
		fence_bucket(f, i);
	if (--f->awaited == 0)
		fence_over(f);
}

/* ---- the page's thread */

static bool put_text(char *to, size_t cap, const json_t *j, const char *name)
{
	const char *v = json_string_value(json_object_get(j, name));

	return v != NULL && v[0] != '\0' && (size_t)snprintf(to, cap, "%s", v) < cap;
}

static bool is_name(const char *s)
{
	return strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
	       strlen(s);
}

static bool is_mode(const char *s)
{
	for (size_t i = 0; modes[i] != NULL; i++)
		if (strcmp(s, modes[i]) == 0)
			return true;
	return false;
}

static bool read_body(struct fence *f, struct str body)
{
	json_t *j = json_loadb(body.p, body.n, 0, NULL);
	bool ok = put_text(f->member, sizeof f->member, j, "member") &&
		  put_text(f->mode, sizeof f->mode, j, "mode") &&
		  put_text(f->who, sizeof f->who, j, "who") &&
		  put_text(f->reason, sizeof f->reason, j, "why") && is_name(f->member) &&
		  is_mode(f->mode);

	json_decref(j);
	return ok;
}

/* False: the time is over. */
static bool fence_wait(struct fence *f)
{
	struct timespec until;
	bool over;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FENCE_WAIT_S;
	pthread_mutex_lock(&f->lock);
	while (!f->over && pthread_cond_timedwait(&f->done, &f->lock, &until) == 0)
		;
	over = f->over;
	pthread_mutex_unlock(&f->lock);
	return over;
}

static void fence_answer(struct admin_reply *r, const struct fence *f, bool over)
{
	if (over && f->made == LEASE_BUCKETS)
		admin_reply_printf(r, "{\"member\":\"%s\",\"mode\":\"%s\",\"buckets\":%u}\n",
			f->member, f->mode, f->made);
	else
		admin_reply_error(r, 503, "not_fenced",
			"only %u of %u buckets (%s); ask again: what was done stays",
			over ? f->made : 0, LEASE_BUCKETS,
			!over               ? "Redis does not answer in time"
			: f->why[0] != '\0' ? f->why
					    : "no answer");
}

void quotasync_fence_page(struct admin_reply *r, struct str body)
{
	struct fence *f = calloc(1, sizeof *f);

	tg_assert(f != NULL);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->done, NULL);
	f->refs = 1;
	f->mail.on_mail = on_fence_mail;
	if (!quotasync_is_on()) {
		admin_reply_error(r, 409, "not_shared",
			"limits are not shared: there is no `redis` in the configuration");
	} else if (!read_body(f, body)) {
		admin_reply_error(r, 400, "bad_request",
			"the body is {\"member\", \"mode\", \"why\", \"who\"}, all text; mode is "
			"spent, settled or off");
	} else {
		f->refs++;
		mailbox_send(&qs.box, &f->mail);
		fence_answer(r, f, fence_wait(f));
	}
	fence_put(f);
}
