/*
 * module.h: a feature is one const object of this type in modules/modules.c. Its stage functions
 * take part in the pipeline; an absent one costs nothing (the list is flattened at start).
 */
#ifndef TG_CORE_MODULE_H
#define TG_CORE_MODULE_H

#include "base/defs.h"

struct req;

enum stage {
#define X(id, name) STAGE_##id,
#include "core/tbl/stages.h"
#undef X
	STAGE__MAX
};

enum step_rc {
	STEP_NEXT,  /* go on with the next step */
	STEP_WAIT,  /* parked: exactly one waiter will call req_resume (or req_resume_at) */
	STEP_REPLY, /* an answer was given (reply.h): stop here, settle when it has been sent */
};

typedef enum step_rc step_f(struct req *);

struct tg_module {
	const char *name;
	size_t req_size; /* bytes of its own per request: req_mod() */
	step_f *stage[STAGE__MAX];
	/* the provider's answer begins (status and headers known): may push a sink */
	int (*response_head)(struct req *);
	/* once per admitted request, whatever ended it, before its memory goes */
	void (*settled)(struct req *);
};

extern const struct tg_module
	*const tg_modules[]; /* NULL-terminated; order is order within a stage */

/* Flatten tg_modules into the step list. Once, before workers start. */
void modules_plan(void);

struct step {
	step_f *run;
	const struct tg_module *module;
	enum stage stage;
};
extern struct step tg_steps[64];
extern unsigned tg_n_steps;
extern size_t tg_req_mod_bytes; /* sum of req_size, aligned */

const char *stage_name(enum stage s);
/* The module's bytes in the request (zeroed at its start). */
void *req_mod(struct req *r, const struct tg_module *m);

#endif
