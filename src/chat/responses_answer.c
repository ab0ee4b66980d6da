/*
 * responses_answer.c: an answer as a response object: its parts become output items, one each, and
 * a signature of a text or a call an item behind it. The API has one choice. Pure; any thread.
 */
#include "chat/responses_int.h"

/* The items of an answer; each with room for its one piece. */
struct slot {
	struct responses_item item;
	struct responses_piece piece;
};

struct list {
	struct chat_context *cx;
	struct responses_item *first, **tail;
	size_t n;
	bool failed; /* no memory */
};

static struct slot *add(struct list *l, enum chat_part_kind kind)
{
	struct slot *s = CHAT_NEW(l->cx, slot);

	if (s == NULL) {
		l->failed = true;
		return NULL;
	}
	s->item.kind = kind;
	s->item.index = l->n++;
	*l->tail = &s->item;
	l->tail = &s->item.next;
	return s;
}

static void set_text(struct slot *s, struct str text)
{
	if (text.n == 0)
		return;
	s->piece.text = text;
	s->item.piece = &s->piece;
}

static void add_signature(struct list *l, struct str signature)
{
	struct slot *s = signature.p != NULL ? add(l, PART_THINKING) : NULL;

	if (s == NULL)
		return;
	s->item.opaque = OPAQUE_SIGNATURE;
	s->item.value = signature;
}

static void add_thoughts(struct list *l, const struct chat_part *p)
{
	struct slot *s = add(l, PART_THINKING);

	if (s == NULL)
		return;
	set_text(s, p->text);
	if (p->kind == PART_REDACTED) {
		s->item.opaque = OPAQUE_REDACTED;
		s->item.value = p->data;
	} else if (p->signature.p != NULL) {
		s->item.opaque = OPAQUE_THINKING;
		s->item.value = p->signature;
	}
}

static void add_call(struct list *l, const struct chat_part *p)
{
	struct slot *s = add(l, PART_CALL);

	if (s == NULL)
		return;
	s->item.id = p->id;
	s->item.name = p->name;
	s->item.space = responses_space_of(l->cx, &s->item.name);
	s->item.args = p->args;
	add_signature(l, p->signature);
}

static void add_media(struct list *l, const struct chat_part *p)
{
	bool fits = responses_media_fits(p->kind, p->data);
	struct slot *s = add(l, fits ? PART_IMAGE : PART_TEXT);

	if (s == NULL)
		return;
	if (!fits) {
		set_text(s, chat_media_text_part(l->cx->arena, p));
		return;
	}
	s->item.value = p->data;
	s->item.format = responses_picture_format(p->mime);
	add_signature(l, p->signature);
}

static void add_part(struct list *l, const struct chat_part *p)
{
	struct slot *s;

	switch (p->kind) {
	case PART_THINKING:
	case PART_REDACTED: add_thoughts(l, p); break;
	case PART_CALL: add_call(l, p); break;
	case PART_TEXT:
	case PART_REFUSAL:
		s = add(l, p->kind);
		if (s != NULL)
			set_text(s, p->text);
		add_signature(l, p->signature);
		break;
	case PART_IMAGE:
	case PART_AUDIO:
	case PART_VIDEO:
	case PART_FILE: add_media(l, p); break;
	case PART_RESULT: break; /* no answer has one */
	}
}

void responses_write_answer(
	struct chat_context *cx, const struct chat_answer *a, struct json_out *o)
{
	static const struct chat_error no_memory = { .status = 503,
		.message = { "The answer is too large to be translated.", 41 } };
	struct list l = { .cx = cx, .tail = &l.first };
	struct responses_object r = { .id = cx->id,
		.model = a->model.n > 0 ? a->model : cx->model,
		.created = cx->created,
		.reasoning = a->reasoning,
		.usage = a->usage.source != USAGE_ABSENT ? &a->usage : NULL };

	if (a->n_choices > 0)
		for (const struct chat_part *p = a->choice[0].part; p != NULL; p = p->next)
			add_part(&l, p);
	responses_finish(&r, a->n_choices > 0 ? a->choice[0].finish : FINISH_ERROR);
	r.item = l.first;
	if (l.failed) {
		r.status = "failed";
		r.error = &no_memory;
	}
	responses_write_object(o, &r);
}
