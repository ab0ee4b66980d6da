/*
 * listeners.h: the process's listening sockets: opened once per address and worker, kept over
 * reloads.
 */
#ifndef TG_LISTENERS_H
#define TG_LISTENERS_H

#include "core/plan.h"
#include "core/worker.h"

/*
 * Make sure every address of conf has its sockets, fill conf->listen[].bound, and remember which
 * are new. -1 with err when one cannot be opened; then nothing was changed.
 */
int listeners_prepare(
	struct tg_conf *conf, unsigned n_workers, char *err, size_t err_len) TG_MUST_CHECK;
/* Hand the new sockets to the workers, forget those that conf no longer names (workers close
 * theirs). */
void listeners_publish(struct tg_conf *conf, struct worker *workers, unsigned n_workers);
/* Remove the unix socket files: the process ends. */
void listeners_unlink(void);

#endif
