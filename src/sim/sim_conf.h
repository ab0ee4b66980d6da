/*
 * sim_conf.h: the command line's meaning and what all workers share. Read-only once they run, but
 * for the ledger and the store, which lock.
 */
#ifndef TG_SIM_CONF_H
#define TG_SIM_CONF_H

#include <stdbool.h>

#include "sim/sim_fault.h"
#include "sim/sim_text.h"

#define SIM_MAX_RULES 16
#define SIM_MAX_KEYS  64
#define SIM_TPS_MILLI 1000 /* tokens a second are kept in thousandths */

struct sim_ledger;
struct sim_store;
typedef struct ssl_ctx_st SSL_CTX;

struct sim_conf {
	const char *listen, *unix_path, *tls_listen, *tls_cert, *tls_key, *ledger_path, *ready_file;
	unsigned workers, jitter_pct;
	int64_t ttft_us;
	uint64_t tps_milli; /* 0: as fast as the reader */
	uint64_t seed;
	bool quiet, no_record;
	enum sim_cancel on_cancel;
	struct sim_fault_rule rule[SIM_MAX_RULES];
	size_t n_rules;
	struct str key[SIM_MAX_KEYS];
	size_t n_keys;
	SSL_CTX *tls;
	struct sim_ledger *ledger;
	struct sim_store *store;
};

#endif
