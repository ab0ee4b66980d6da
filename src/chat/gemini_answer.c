/*
 * gemini_answer.c: whole answers both ways, and what chunks have in common with them: parts, finish
 * reasons, usageMetadata (providers.md 1, 10.2). Pure; any thread.
 */
#include "chat/chat_replay.h"
#include "chat/gemini_int.h"
#include "chat/usage_gemini.h"

/* ---- finish reasons */

enum chat_finish gemini_finish_of(struct str word)
{
	static const struct {
		struct str word;
		enum chat_finish finish;
	} known[] = {
#define X(word, finish) { STR(word), FINISH_##finish },
#include "chat/tbl/gemini_finish.h"
#undef X
	};

	if (word.n == 0)
		return FINISH_NONE;
	for (size_t i = 0; i < TG_ARRAY_LEN(known); i++)
		if (str_eq(known[i].word, word))
			return known[i].finish;
	return FINISH_ERROR;
}

const char *gemini_finish_word(enum chat_finish f)
{
	switch (f) {
	case FINISH_NONE:
	case FINISH_STOP:
	case FINISH_STOP_SEQUENCE:
	case FINISH_TOOL: return "STOP";
	case FINISH_LENGTH: return "MAX_TOKENS";
	case FINISH_FILTER: return "SAFETY";
	case FINISH_PAUSE:
	case FINISH_ERROR: break;
	}
	return "OTHER";
}

struct str gemini_block_reason(const struct json_node *root)
{
	return gemini_get_jstr(gemini_get(root, "promptFeedback"), "blockReason");
}

/* ---- usage */

bool gemini_usage_read(const struct json_node *root, struct usage *u)
{
	const struct json_node *n = gemini_get(root, "usageMetadata");
	struct usage_gemini g = { .have = 0 };
	struct str tier;

	if (n == NULL || usage_gemini_merge(&g, n->raw, &tier) != 0)
		return false;
	*u = (struct usage){ .source = USAGE_PROVIDER };
	usage_gemini_buckets(&g, u);
	return true;
}

static void write_split(
	struct json_out *o, const char *key, uint64_t all, uint64_t audio, uint64_t image)
{
	const struct {
		struct str word;
		uint64_t n;
	} parts[] = { { STR("TEXT"), all - audio - image }, { STR("AUDIO"), audio },
		{ STR("IMAGE"), image } };

	if (all == 0)
		return;
	jo_key(o, key);
	jo_arr(o);
	for (size_t i = 0; i < TG_ARRAY_LEN(parts); i++) {
		if (parts[i].n == 0)
			continue;
		jo_obj(o);
		jo_m_text(o, "modality", parts[i].word);
		jo_m_u64(o, "tokenCount", parts[i].n);
		jo_obj_end(o);
	}
	jo_arr_end(o);
}

void gemini_usage_write(struct json_out *o, const struct usage *u)
{
	uint64_t in = usage_input(u), thoughts = u->n[USAGE_OUT_REASONING],
		 out = usage_output(u) - thoughts,
		 read = u->n[USAGE_IN_CACHE_READ] + u->n[USAGE_IN_AUDIO_CACHE_READ] +
			u->n[USAGE_IN_IMAGE_CACHE_READ];

	jo_key(o, "usageMetadata");
	jo_obj(o);
	jo_m_u64(o, "promptTokenCount", in);
	if (read > 0)
		jo_m_u64(o, "cachedContentTokenCount", read);
	jo_m_u64(o, "candidatesTokenCount", out);
	if (thoughts > 0)
		jo_m_u64(o, "thoughtsTokenCount", thoughts);
	jo_m_u64(o, "totalTokenCount", in + out + thoughts);
	write_split(o, "promptTokensDetails", in,
		u->n[USAGE_IN_AUDIO] + u->n[USAGE_IN_AUDIO_CACHE_READ],
		u->n[USAGE_IN_IMAGE] + u->n[USAGE_IN_IMAGE_CACHE_READ]);
	write_split(
		o, "candidatesTokensDetails", out, u->n[USAGE_OUT_AUDIO], u->n[USAGE_OUT_IMAGE]);
	jo_obj_end(o);
}

/* ---- parts */

/* inlineData or fileData; false: neither. */
static bool read_media(struct arena *a, const struct json_node *part, struct gemini_part *p)
{
	const struct json_node *data = gemini_get(part, "inlineData");
	const struct json_node *file = gemini_get(part, "fileData");

	p->data = gemini_get_jstr(data, "data");
	p->url = gemini_get_jstr(file, "fileUri");
	if (p->data.n == 0 && p->url.n == 0)
		return false;
	p->known = true;
	p->mime = gemini_get_jstr(p->data.n > 0 ? data : file, "mimeType");
	p->kind = chat_media_kind(p->mime);
	if (json_node_true(gemini_get(part, "thought"))) {
		p->text = chat_media_text(a, &(struct chat_media){ .kind = p->kind,
						     .mime = p->mime,
						     .url = p->url,
						     .bytes = chat_base64_bytes(p->data) });
		p->kind = PART_THINKING;
	}
	return true;
}

struct gemini_part gemini_part_read(struct arena *a, const struct json_node *part)
{
	const struct json_node *call = gemini_get(part, "functionCall");
	struct gemini_part p = { .signature = gemini_get_jstr(part, "thoughtSignature") };

	if (call != NULL && call->type == JSON_OBJECT) {
		p.kind = PART_CALL;
		p.known = true;
		p.call = call;
		p.id = gemini_get_jstr(call, "id");
		p.name = gemini_get_jstr(call, "name");
		return p;
	}
	if (read_media(a, part, &p))
		return p;
	p.text = gemini_get_jstr(part, "text");
	p.known = p.text.p != NULL;
	p.kind = json_node_true(gemini_get(part, "thought")) ? PART_THINKING : PART_TEXT;
	return p;
}

void gemini_text_write(struct json_out *o, struct str text, bool thought, struct str signature)
{
	jo_obj(o);
	jo_key(o, "text");
	jo_jstr(o, text);
	if (thought)
		jo_m_bool(o, "thought", true);
	if (signature.n > 0)
		jo_m_jstr(o, "thoughtSignature", signature);
	jo_obj_end(o);
}

void gemini_call_write(
	struct json_out *o, struct str id, struct str name, struct str args, struct str signature)
{
	jo_obj(o);
	jo_key(o, "functionCall");
	jo_obj(o);
	if (id.n > 0)
		jo_m_jstr(o, "id", id);
	jo_key(o, "name");
	jo_jstr(o, name);
	jo_key(o, "args");
	jo_raw(o, args.n > 0 ? args : STR("{}"));
	jo_obj_end(o);
	if (signature.n > 0)
		jo_m_jstr(o, "thoughtSignature", signature);
	jo_obj_end(o);
}

bool gemini_media_fits(struct str mime, struct str data)
{
	return mime.n > 0 && data.n > 0;
}

void gemini_media_write(struct json_out *o, struct str mime, struct str data, struct str signature)
{
	jo_obj(o);
	jo_key(o, "inlineData");
	jo_obj(o);
	jo_m_jstr(o, "mimeType", mime);
	jo_m_jstr(o, "data", data);
	jo_obj_end(o);
	if (signature.n > 0)
		jo_m_jstr(o, "thoughtSignature", signature);
	jo_obj_end(o);
}

void gemini_redacted_write(struct json_out *o, struct str data)
{
	jo_obj(o);
	jo_m_lit(o, "text", "");
	jo_m_bool(o, "thought", true);
	jo_key(o, "thoughtSignature");
	jo_str_begin(o);
	jo_piece(o, STR(GEMINI_REDACTED));
	jo_piece(o, data);
	jo_str_end(o);
	jo_obj_end(o);
}

struct str gemini_call_id(struct chat_context *cx, struct arena *a, struct str answer, unsigned k)
{
	char safe[40];
	size_t n = 0;

	if (answer.n == 0)
		answer = cx->id;
	for (size_t i = 0; i < answer.n && n < sizeof safe; i++) {
		char c = answer.p[i];

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			c == '_' || c == '-')
			safe[n++] = c;
	}
	return arena_printf(a, "call_%.*s_%u", (int)n, safe, k);
}

/* ---- reading */

struct answer_reader {
	struct chat_context *cx;
	struct chat_answer *a;
	unsigned n_calls;
};

/* Text behind text is one part; a signature on an empty text belongs to the text before it. */
static bool joins(struct chat_part *last, const struct gemini_part *p)
{
	if (p->kind == PART_CALL || chat_is_media(p->kind) || p->text.n > 0)
		return false;
	if (last != NULL && last->kind == p->kind && last->signature.p == NULL &&
		p->signature.n > 0)
		last->signature = p->signature;
	return true;
}

static int read_part(struct answer_reader *r, const struct json_node *node, struct chat_part **end,
	struct chat_part *last)
{
	struct gemini_part p = gemini_part_read(r->cx->arena, node);
	const struct json_node *args;
	struct chat_part *part;

	if (!p.known || joins(last, &p))
		return 0;
	part = CHAT_NEW(r->cx, chat_part);
	if (part == NULL)
		return -1;
	part->kind = p.kind;
	part->text = p.text;
	part->signature = p.signature;
	if (chat_is_media(p.kind)) {
		part->mime = p.mime;
		part->data = p.data;
		part->url = p.url;
	}
	if (p.kind == PART_CALL) {
		args = gemini_get(p.call, "args");
		part->name = p.name;
		part->args = args != NULL && args->type == JSON_OBJECT ? args->raw : STR("{}");
		part->id = p.id.n > 0 ? p.id
				      : gemini_call_id(r->cx, r->cx->arena, r->a->id, r->n_calls);
		r->n_calls++;
	}
	*end = part;
	return 0;
}

static int read_candidate(
	struct answer_reader *r, const struct json_node *candidate, struct chat_choice *c)
{
	struct chat_part **end = &c->part, *last = NULL;
	enum chat_finish f = gemini_finish_of(gemini_get_jstr(candidate, "finishReason"));

	json_each(n, gemini_get(gemini_get(candidate, "content"), "parts"))
	{
		if (read_part(r, n, end, last) != 0)
			return -1;
		if (*end != NULL) {
			last = *end;
			end = &last->next;
		}
	}
	/* One that says no reason did not come to its end. */
	c->finish = f == FINISH_NONE ? FINISH_ERROR : chat_finish_of(f, chat_has_calls(c->part));
	return 0;
}

static unsigned index_of(const struct json_node *candidate, unsigned otherwise)
{
	uint64_t n;

	return json_node_u64(gemini_get(candidate, "index"), &n) == 0 && n < CHAT_CHOICES
		       ? (unsigned)n
		       : otherwise;
}

/* A stream that came as one JSON array (no alt=sse): its elements are what events would have been.
 */
static int read_array(struct chat_context *cx, const struct json_node *root, struct chat_answer *a)
{
	const struct chat_request none = { .stream = true };
	struct chat_stream *s = gemini_in_open(cx, &none);
	struct chat_gather *g = chat_gather_new(cx);
	const struct chat_answer *all;

	if (s == NULL || g == NULL)
		return chat_fail(cx, "it is too large");
	json_each(e, root) if (gemini_read_event(s, cx, STR_NONE, e->raw, chat_gather_event, g) !=
			       0) return -1;
	if (gemini_read_end(s, cx, chat_gather_event, g) != 0)
		return -1;
	all = chat_gather_answer(g);
	if (all == NULL)
		return -1;
	*a = *all;
	return 0;
}

int gemini_read_answer(struct chat_context *cx, const struct json_node *root, struct chat_answer *a)
{
	struct answer_reader r = { .cx = cx, .a = a };
	unsigned place = 0;

	if (root->type == JSON_ARRAY)
		return read_array(cx, root, a);
	a->id = gemini_get_jstr(root, "responseId");
	a->model = gemini_get_jstr(root, "modelVersion");
	if (gemini_usage_read(root, &a->usage))
		a->reasoning = a->usage.n[USAGE_OUT_REASONING];
	json_each(n, gemini_get(root, "candidates"))
	{
		unsigned i = index_of(n, place++);

		if (i >= CHAT_CHOICES || a->choice[i].finish != FINISH_NONE)
			continue;
		if (read_candidate(&r, n, &a->choice[i]) != 0)
			return -1;
		a->n_choices = TG_MAX(a->n_choices, i + 1);
	}
	if (a->n_choices > 0)
		return 0;
	if (gemini_block_reason(root).p == NULL)
		return chat_fail(cx, "it has no candidates");
	a->n_choices = 1; /* the prompt was refused */
	a->choice[0].finish = FINISH_FILTER;
	return 0;
}

/* ---- writing */

static void write_media(struct chat_context *cx, struct json_out *o, const struct chat_part *p)
{
	if (gemini_media_fits(p->mime, p->data))
		gemini_media_write(o, p->mime, p->data, p->signature);
	else
		gemini_text_write(o, chat_media_text_part(cx->arena, p), false, p->signature);
}

static void write_part(struct chat_context *cx, struct json_out *o, const struct chat_part *p)
{
	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL: gemini_text_write(o, p->text, false, p->signature); break;
	case PART_THINKING: gemini_text_write(o, p->text, true, p->signature); break;
	case PART_REDACTED: gemini_redacted_write(o, p->data); break;
	case PART_CALL: gemini_call_write(o, p->id, p->name, p->args, p->signature); break;
	case PART_IMAGE:
	case PART_AUDIO:
	case PART_VIDEO:
	case PART_FILE: write_media(cx, o, p); break;
	case PART_RESULT: break; /* no answer has one */
	}
}

static void write_candidate(
	struct chat_context *cx, struct json_out *o, const struct chat_choice *c, unsigned index)
{
	jo_obj(o);
	jo_key(o, "content");
	jo_obj(o);
	jo_key(o, "parts");
	jo_arr(o);
	for (const struct chat_part *p = c->part; p != NULL; p = p->next)
		write_part(cx, o, p);
	jo_arr_end(o);
	jo_m_lit(o, "role", "model");
	jo_obj_end(o);
	jo_m_text(o, "finishReason", str_z(gemini_finish_word(c->finish)));
	jo_m_u64(o, "index", index);
	jo_obj_end(o);
}

void gemini_write_answer(struct chat_context *cx, const struct chat_answer *a, struct json_out *o)
{
	jo_obj(o);
	jo_key(o, "candidates");
	jo_arr(o);
	for (unsigned i = 0; i < a->n_choices; i++)
		write_candidate(cx, o, &a->choice[i], i);
	jo_arr_end(o);
	if (a->usage.source != USAGE_ABSENT)
		gemini_usage_write(o, &a->usage);
	jo_key(o, "modelVersion");
	jo_jstr(o, a->model.n > 0 ? a->model : cx->model);
	jo_key(o, "responseId");
	jo_jstr(o, a->id.n > 0 ? a->id : cx->id);
	jo_obj_end(o);
}
