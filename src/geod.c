/*
 * geod.c: see geod.h.
 */
#include <string.h>

#include "base/log.h"
#include "core/geo.h"
#include "core/plan.h"
#include "geod.h"
#include "geo/geo_db.h"

#define LOOK_S 2

static struct {
	struct event *tick;
	struct worker *workers;
	unsigned n_workers;
	struct cfg_geoip cfg;     /* texts of `conf`, */
	struct tg_conf *conf;     /* which is kept for them */
	struct geo_db *db;        /* in use; one reference */
	struct geo_stamp refused; /* of the files that were, so that they are once */
	uint64_t failures;
} geod;

static void geod_use(struct geo_db *db)
{
	if (geod.db != NULL)
		geo_db_put(geod.db);
	geod.db = db;
}

static void geod_say(const char *what)
{
	for (int i = 0; i < GEO_DB__MAX; i++) {
		const struct mmdb_facts *f = geo_db_facts(geod.db, i);

		if (f != NULL)
			log_notice(what, "kind=%s type=\"%s\" built=%llu nodes=%u",
				geo_db_kind_name(i), f->type, (unsigned long long)f->build_s,
				f->node_count);
	}
}

/* A file has changed: all of it is read, or the old one stays. */
static void geod_look(evutil_socket_t fd, short what, void *arg)
{
	struct geo_stamp now;
	struct geo_db *next;
	char err[400];

	(void)fd;
	(void)what;
	(void)arg;
	if (geod.db == NULL || !geo_db_changed(geod.db))
		return;
	geo_db_stamp(geod.db, &now);
	if (memcmp(&now, &geod.refused, sizeof(now)) == 0)
		return;
	next = plan_geo_open(&geod.cfg, err, sizeof(err));
	if (next == NULL) {
		geod.refused = now;
		geod.failures++;
		log_error("geoip database refused, the old one stays", "reason=\"%s\"", err);
		return;
	}
	geod_use(next);
	for (unsigned i = 0; i < geod.n_workers; i++)
		worker_post_geo(&geod.workers[i], next);
	geod_say("geoip database read again");
}

void geod_reload(const struct tg_conf *conf)
{
	struct tg_conf *old = geod.conf;

	/* the count is all that is written to */
	geod.conf = (struct tg_conf *)(uintptr_t)conf;
	plan_get(geod.conf);
	geod.cfg = conf->cfg.geoip;
	if (conf->geo.db != NULL)
		geo_db_get(conf->geo.db);
	geod_use(conf->geo.db);
	memset(&geod.refused, 0, sizeof(geod.refused));
	if (old != NULL)
		plan_put(old);
	if (geod.db != NULL)
		geod_say("geoip database");
}

int geod_start(struct event_base *base, const struct tg_conf *conf, struct worker *workers,
	unsigned n_workers)
{
	struct timeval every = { LOOK_S, 0 };

	geod.workers = workers;
	geod.n_workers = n_workers;
	geod_reload(conf);
	geod.tick = event_new(base, -1, EV_PERSIST, geod_look, NULL);
	return geod.tick != NULL && event_add(geod.tick, &every) == 0 ? 0 : -1;
}

void geod_stop(void)
{
	if (geod.tick != NULL)
		event_free(geod.tick);
	geod.tick = NULL;
	geod_use(NULL);
	if (geod.conf != NULL)
		plan_put(geod.conf);
	geod.conf = NULL;
}

struct geo_db *geod_current(void)
{
	return geod.db;
}

uint64_t geod_failures(void)
{
	return geod.failures;
}
