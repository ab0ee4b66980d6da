/*
 * post.h: the post-paid counter, see post.c.
 */
#ifndef TG_MODEL_POST_H
#define TG_MODEL_POST_H

#include "model/search.h"

extern const struct model post_model;

#endif
