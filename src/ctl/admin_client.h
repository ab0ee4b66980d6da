/*
 * admin_client.h: one question to a running gateway's admin listener, and its answer. Blocking,
 * with a clock; a connection per question.
 */
#ifndef TG_CTL_ADMIN_CLIENT_H
#define TG_CTL_ADMIN_CLIENT_H

#include <jansson.h>

#include "base/str.h"
#include "ctl/ctl.h"

#define ADMIN_CLIENT_TIMEOUT_S 30

struct admin_where {
	const char *admin;  /* --admin ADDRESS; NULL: the configuration's */
	const char *config; /* -c; NULL: the usual place */
};

/*
 * method: "GET" or "POST"; target: path and query, encoded; body: JSON, or NULL. The answer's JSON
 * (2xx) in *out, for json_decref. CTL_FAILED (said already, with the listener's own words where it
 * refused): no configuration, no listener, no answer, not 2xx, no JSON.
 */
enum ctl_exit admin_client_ask(const char *command, const struct admin_where *where,
	const char *method, const char *target, const json_t *body, json_t **out) TG_MUST_CHECK;

#endif
