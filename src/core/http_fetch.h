/*
 * http_fetch.h: one small HTTP request, blocking, on a thread that may wait: token endpoints and
 * other places where credentials come from (io/cred.h). Never on a worker.
 */
#ifndef TG_CORE_HTTP_FETCH_H
#define TG_CORE_HTTP_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

struct http_fetch {
	/* ---- in */
	struct str url;     /* http:// or https://; a path and query as they are sent */
	const char *method; /* "GET", "POST", "PUT" */
	struct str fields;  /* further field lines, "name: value\r\n"...; may be empty */
	struct str body;    /* its content-type is among the fields */
	const char *ca;     /* PEM file of authorities; NULL: the system's */
	int64_t timeout_us; /* for all of it; 0: 30 s */
	/* ---- out */
	unsigned status; /* of the answer */
	struct str text; /* its body, in buf */
	char why[200];   /* of a failure */
	char buf[65536]; /* the answer, head and all: what is larger is a failure */
};

/* 0 when an answer came, whatever its status; -1 with why. No redirects are followed. */
int http_fetch(struct http_fetch *f) TG_MUST_CHECK;

#endif
