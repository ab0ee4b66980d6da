/*
 * dialect.h: the vendors the simulator speaks for, and its table of routes. A new dialect is a
 * struct sim_dialect, its serve functions, and rows in dialect_routes.c.
 */
#ifndef TG_SIM_DIALECT_H
#define TG_SIM_DIALECT_H

#include "sim/sim_req.h"

extern const struct sim_dialect sim_openai, sim_anthropic, sim_gemini, sim_bedrock, sim_cohere;
/* dialect_azure.c: by deployment, and the paths without versions */
extern const struct sim_dialect sim_azure, sim_azure_v1;
/* dialect_hosts.c: that copy OpenAI's chat, each on paths that begin with its name */
extern const struct sim_dialect sim_mistral, sim_groq, sim_deepseek, sim_xai, sim_together,
	sim_openrouter, sim_perplexity;

/* Never NULL: unknown paths and methods have routes of their own. *arg: what "{}" matched. */
const struct sim_route *sim_route_find(const struct http_head *h, struct str path, struct str *arg);

/* dialect_openai_chat.c */
void sim_openai_chat(struct sim_req *r);
void sim_openai_completions(struct sim_req *r);
/* dialect_responses.c */
void sim_openai_responses(struct sim_req *r);
void sim_openai_responses_count(struct sim_req *r);
/* dialect_openai_misc.c */
void sim_openai_embeddings(struct sim_req *r);
void sim_openai_moderations(struct sim_req *r);
void sim_openai_models(struct sim_req *r);
void sim_openai_model(struct sim_req *r);
/* dialect_openai_media.c */
void sim_openai_images(struct sim_req *r);
void sim_openai_image_edits(struct sim_req *r);
void sim_openai_speech(struct sim_req *r);
void sim_openai_transcriptions(struct sim_req *r);
/* dialect_openai_files.c */
void sim_openai_file_upload(struct sim_req *r);
void sim_openai_file_list(struct sim_req *r);
void sim_openai_file_get(struct sim_req *r);
void sim_openai_file_content(struct sim_req *r);
void sim_openai_file_delete(struct sim_req *r);
void sim_openai_batch_create(struct sim_req *r);
void sim_openai_batch_list(struct sim_req *r);
void sim_openai_batch_get(struct sim_req *r);
/* dialect_anthropic.c */
void sim_anthropic_messages(struct sim_req *r);
void sim_anthropic_count(struct sim_req *r);
void sim_anthropic_models(struct sim_req *r);
void sim_anthropic_model(struct sim_req *r);
/* dialect_gemini.c, dialect_gemini_misc.c */
void sim_gemini_generate(struct sim_req *r);
void sim_gemini_count(struct sim_req *r);
void sim_gemini_embed(struct sim_req *r);
void sim_gemini_embed_batch(struct sim_req *r);
void sim_gemini_models(struct sim_req *r);
void sim_gemini_model(struct sim_req *r);
/* dialect_bedrock.c */
void sim_bedrock_converse(struct sim_req *r);
void sim_bedrock_count(struct sim_req *r);
/* dialect_cohere.c */
void sim_cohere_chat(struct sim_req *r);
/* dialect_embed.c */
void sim_cohere_embed(struct sim_req *r);
void sim_bedrock_invoke(struct sim_req *r);
void sim_vertex_predict(struct sim_req *r);
/* sim_control.c: the simulator's own pages */
void sim_control_root(struct sim_req *r);
void sim_control_ledger(struct sim_req *r);
void sim_control_requests(struct sim_req *r);
void sim_control_reset(struct sim_req *r);
void sim_control_not_found(struct sim_req *r);
void sim_control_bad_method(struct sim_req *r);

/* "prefix" and the request's id in 16 digits, no quotes: chatcmpl-..., msg_... */
void sim_put_id(struct sim_req *r, struct sim_buf *b, struct str prefix);
/* Seconds since 1970 of the request. */
uint64_t sim_created(const struct sim_req *r);

/* Members of an OpenAI chat usage object, and of a Responses usage object: {...}. */
void sim_openai_put_usage(struct sim_req *r, struct sim_buf *b);
void sim_openai_put_usage_so_far(struct sim_req *r, struct sim_buf *b, uint64_t output);
/* What all of them answer with but for the headers: {"error":{...}}. */
void sim_openai_put_error(struct sim_req *r, struct sim_buf *b, int status, enum sim_error e,
	struct str message, struct str param);
void sim_openai_put_stream_error(struct sim_req *r, struct sim_buf *b);
void sim_responses_put_usage(struct sim_req *r, struct sim_buf *b);

/* Sample models: ids of one vendor, in a NULL-terminated list. */
extern const char *const sim_openai_model_ids[], *const sim_anthropic_model_ids[],
							 *const sim_gemini_model_ids[];

#endif
