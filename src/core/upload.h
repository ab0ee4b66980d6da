/*
 * upload.h: a request body that is streamed through: client -> queue (bounded) -> upstream. The
 * model of a multipart body is found on the way. Full queue: the client is not read; empty queue:
 * the upstream waits.
 */
#ifndef TG_CORE_UPLOAD_H
#define TG_CORE_UPLOAD_H

#include "base/bufq.h"
#include "proto/multipart.h"

#define UPLOAD_HIGH (64 * 1024)
#define UPLOAD_LOW  (16 * 1024)
#define UPLOAD_MAX  (UPLOAD_HIGH + 2 * 64 * 1024)

struct req;

struct upload {
	struct req *req;
	struct bufq q;
	bool form;                     /* multipart is being watched */
	bool model_known;              /* found, or will not be looked for */
	bool ended;                    /* the whole body is in q or beyond */
	bool started;                  /* bytes went upstream: not repeatable */
	bool chunked;                  /* towards the upstream */
	uint64_t length;               /* Content-Length towards the upstream when not chunked */
	bool model_found;              /* the form has the field; its value may be empty */
	struct str model;              /* found, or what upload_rename put there */
	uint64_t value_from, value_to; /* of the model's value in the body */
	struct multipart *mp;
};

/* Set up for r's body; -1 when memory is short. */
int upload_init(struct req *r) TG_MUST_CHECK;
/* Take decoded body bytes. -1: refused, an answer was given. */
int upload_take(struct upload *u, struct str data) TG_MUST_CHECK;
/* The body is complete. -1: refused, an answer was given. */
int upload_end(struct upload *u) TG_MUST_CHECK;
/* May the pipeline go on (model known, or enough bytes seen that it must)? */
bool upload_ready(const struct upload *u);
/* The model was found after bytes had gone upstream: is it served where they went? -1: refused,
 * answered. */
int upload_late_model(struct upload *u) TG_MUST_CHECK;
/* Replace the model's value before anything was sent. -1: not possible any more. */
int upload_rename(struct upload *u, struct str model) TG_MUST_CHECK;
/* Give a form without a model an empty one, for upload_rename. -1: not possible. */
int upload_add_model(struct upload *u) TG_MUST_CHECK;
void upload_fini(struct upload *u);

#endif
