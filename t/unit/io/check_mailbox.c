/*
 * check_mailbox.c: four threads send at once: nothing lost, nothing twice, in order per sender.
 * Made to be run under ThreadSanitizer too.
 */
#include <pthread.h>

#include "io/mailbox.h"
#include "unit/unit.h"

enum { SENDERS = 4, LETTERS = 20000 };

struct letter {
	struct mail mail;
	int sender, number;
};

struct inbox {
	struct mailbox box;
	struct event_base *base;
	int next[SENDERS], n_left;
};

static void on_letter(struct mail *mail, void *owner)
{
	struct letter *l = TG_CONTAINER_OF(mail, struct letter, mail);
	struct inbox *in = owner;

	ck_assert_int_eq(l->number, in->next[l->sender]);
	in->next[l->sender]++;
	free(l);
	if (--in->n_left == 0)
		event_base_loopbreak(in->base);
}

static struct letter *letter_new(int sender, int number)
{
	struct letter *l = calloc(1, sizeof *l);

	*l = (struct letter){ .mail.on_mail = on_letter, .sender = sender, .number = number };
	return l;
}

static void inbox_open(struct inbox *in, int n_left)
{
	struct event_config *config = event_config_new();

	memset(in, 0, sizeof *in);
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	in->base = event_base_new_with_config(config);
	event_config_free(config);
	in->n_left = n_left;
	ck_assert_int_eq(mailbox_init(&in->box, in->base, in), 0);
}

static void inbox_close(struct inbox *in)
{
	mailbox_fini(&in->box);
	event_base_free(in->base);
}

struct sender {
	pthread_t id;
	struct inbox *to;
	int number;
};

static void *sender_main(void *arg)
{
	struct sender *s = arg;

	for (int i = 0; i < LETTERS; i++)
		mailbox_send(&s->to->box, &letter_new(s->number, i)->mail);
	return NULL;
}

START_TEST(four_senders)
{
	struct inbox in;
	struct sender s[SENDERS];

	inbox_open(&in, SENDERS * LETTERS);
	for (int i = 0; i < SENDERS; i++) {
		s[i] = (struct sender){ .to = &in, .number = i };
		ck_assert_int_eq(pthread_create(&s[i].id, NULL, sender_main, &s[i]), 0);
	}
	ck_assert_int_eq(event_base_dispatch(in.base), 0);
	for (int i = 0; i < SENDERS; i++) {
		pthread_join(s[i].id, NULL);
		ck_assert_int_eq(in.next[i], LETTERS);
	}
	inbox_close(&in);
}
END_TEST

/* Mail sent from on_mail comes in a later turn, so that other events get theirs. */
struct echo {
	struct mail mail;
	int n_left;
};

static void on_echo(struct mail *mail, void *owner)
{
	struct echo *e = TG_CONTAINER_OF(mail, struct echo, mail);
	struct inbox *in = owner;

	if (--e->n_left > 0)
		mailbox_send(&in->box, mail);
	else
		event_base_loopbreak(in->base);
}

START_TEST(send_to_itself)
{
	struct inbox in;
	struct echo e = { .mail.on_mail = on_echo, .n_left = 100 };

	inbox_open(&in, 1);
	mailbox_send(&in.box, &e.mail);
	event_base_loop(in.base, EVLOOP_ONCE);
	ck_assert_int_eq(e.n_left, 99);
	event_base_dispatch(in.base);
	ck_assert_int_eq(e.n_left, 0);
	inbox_close(&in);
}
END_TEST

START_TEST(fini_delivers_the_rest)
{
	struct inbox in;

	inbox_open(&in, 1000);
	for (int i = 0; i < 10; i++)
		mailbox_send(&in.box, &letter_new(1, i)->mail);
	inbox_close(&in);
	ck_assert_int_eq(in.next[1], 10);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, four_senders);
	tcase_add_test(tc, send_to_itself);
	tcase_add_test(tc, fini_delivers_the_rest);
}

UNIT_MAIN("mailbox", tests)
