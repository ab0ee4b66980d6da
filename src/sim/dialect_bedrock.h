/*
 * dialect_bedrock.h: between dialect_bedrock.c (answers) and dialect_bedrock_ask.c (requests).
 */
#ifndef TG_SIM_DIALECT_BEDROCK_H
#define TG_SIM_DIALECT_BEDROCK_H

#include "sim/dialect.h"

/* A signed request is signed with the secret of a configured key ID:SECRET[:SESSION]. 0; -1 after
 * answering. */
int sim_bedrock_check(struct sim_req *r) TG_MUST_CHECK;
/* Understands the request and plans the answer. 0; -1 after answering: what the API refuses. */
int sim_bedrock_ask(struct sim_req *r) TG_MUST_CHECK;

#endif
