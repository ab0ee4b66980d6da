/*
 * admin_job.c: handlers that may take long run on a thread of their own, so that the control
 * thread's signals, health checks and other requests go on. At most ADMIN_JOBS at once.
 *
 *	control: copy the request, start a thread --> job: handler fills a reply
 *	control: the reply is sent, if its connection is still there <-- mail
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "admin/admin_int.h"

#define ADMIN_JOB_MAGIC 0x414a4f42

struct admin_job {
	unsigned magic;
	struct mail mail;
	struct list node; /* admin.jobs */
	struct admin *admin;
	struct admin_conn *conn; /* NULL: gone */
	const struct admin_route *route;
	pthread_t thread;
	struct admin_request req;
	char *text; /* what req points to */
	struct admin_reply reply;
};

static void job_free(struct admin_job *j)
{
	list_del(&j->node);
	j->admin->n_jobs--;
	admin_reply_fini(&j->reply);
	free(j->text);
	FINI_OBJ(j);
	free(j);
}

static void job_done(struct mail *m, void *owner)
{
	struct admin_job *j = TG_CONTAINER_OF(m, struct admin_job, mail);
	struct admin_conn *c = j->conn;

	(void)owner;
	CHECK_OBJ(j, ADMIN_JOB_MAGIC);
	pthread_join(j->thread, NULL);
	if (c != NULL) {
		c->job = NULL;
		c->reply.status = j->reply.status;
		c->reply.type = j->reply.type;
		c->reply.body = j->reply.body;
		outbuf_init(&j->reply.body);
		http_out_str(&c->reply.fields, http_out_text(&j->reply.fields));
		admin_conn_reply(c);
	}
	job_free(j);
}

static void *job_main(void *arg)
{
	struct admin_job *j = arg;

	j->route->handle(&j->reply, &j->req, j->admin->ctx);
	mailbox_send(&j->admin->mbox, &j->mail);
	return NULL;
}

/* The request's texts, where they outlive the connection. */
static void job_copy(struct admin_job *j, const struct admin_request *q)
{
	char *at = malloc(q->query.n + q->body.n + 1);

	tg_assert(at != NULL);
	j->text = at;
	j->req = (struct admin_request){ .method = str_z(j->route->method),
		.path = str_z(j->route->path) };
	if (q->query.n > 0)
		memcpy(at, q->query.p, q->query.n);
	j->req.query = str_mk(at, q->query.n);
	at += q->query.n;
	if (q->body.n > 0)
		memcpy(at, q->body.p, q->body.n);
	j->req.body = str_mk(at, q->body.n);
}

int admin_job_start(struct admin_conn *c)
{
	struct admin *a = c->admin;
	struct admin_job *j;
	sigset_t all, old;
	int rc;

	if (a->n_jobs >= ADMIN_JOBS)
		return -1;
	j = malloc(sizeof(*j));
	tg_assert(j != NULL);
	INIT_OBJ(j, ADMIN_JOB_MAGIC);
	j->mail.on_mail = job_done;
	j->admin = a;
	j->conn = c;
	j->route = c->route;
	admin_reply_init(&j->reply);
	job_copy(j, &c->req);
	list_init(&j->node);
	list_push_back(&a->jobs, &j->node);
	a->n_jobs++;
	sigfillset(&all); /* signals are the control thread's */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&j->thread, NULL, job_main, j);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0) {
		job_free(j);
		return -1;
	}
	c->job = j;
	return 0;
}

void admin_job_forget(struct admin_job *j)
{
	CHECK_OBJ(j, ADMIN_JOB_MAGIC);
	j->conn = NULL;
}

/* The mailbox delivers what has been sent; a thread that still runs is waited for by its mail. */
void admin_jobs_end(struct admin *a)
{
	list_foreach (n, &a->jobs)
		list_entry(n, struct admin_job, node)->conn = NULL;
	while (a->n_jobs > 0)
		event_base_loop(a->base, EVLOOP_ONCE);
}
