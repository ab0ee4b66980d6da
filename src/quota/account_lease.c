/*
 * account_lease.c: stocks whose g the control thread moves: what workers tell it, and how it lowers
 * g under their feet. No lock, no memory: a worker that has something to say sets a bit of the
 * account, and who sets LISTED puts it on a stack, from which the control thread takes all at once
 * (so nobody can mistake one that was taken and put back for the one it saw).
 *
 * The one writer lowers g by storing it and then looking at c; a worker raises c and then looks at
 * g. All of it is sequentially consistent, so one of the two sees the other (t/model/lower.c).
 */
#include "quota/account_int.h"

struct str quota_unsure_word(enum quota_unsure why)
{
	static const struct str words[] = {
#define X(id, word) [QUOTA_UNSURE_##id] = { word, sizeof(word) - 1 },
#include "quota/tbl/unsure.h"
#undef X
	};

	tg_assert(why > QUOTA_SURE && why < QUOTA_UNSURE__MAX);
	return words[why];
}

void quota_lease_init(struct quota_account *a)
{
	atomic_store(&a->attention, NULL);
	a->lease = NULL;
	a->attended = NULL;
	atomic_store(&a->attend, 0);
	atomic_store(&a->unsure, QUOTA_SURE);
	atomic_store(&a->refused_until_us, INT64_MIN);
	atomic_store(&a->low_water, 0);
	atomic_store(&a->largest, 0);
	atomic_store(&a->others, 0);
	atomic_store(&a->waiting, 0);
	atomic_store(&a->offline_base, 0);
	atomic_store(&a->offline_free, 0);
	atomic_store(&a->barred, false);
}

void quota_account_lease(struct quota_account *a, struct quota_attention *attention)
{
	CHECK_OBJ(a, QUOTA_ACCOUNT_MAGIC);
	tg_assert(a->kind == QUOTA_STOCK && !quota_account_leased(a));
	atomic_store(&a->granted, atomic_load(&a->settled));
	atomic_store(&a->offline_base, atomic_load(&a->settled));
	atomic_store(&a->unsure, QUOTA_UNSURE_AWAY);
	atomic_store(&a->attention, attention);
}

void quota_account_grant(struct quota_account *a, int64_t granted)
{
	CHECK_OBJ(a, QUOTA_ACCOUNT_MAGIC);
	tg_assert(quota_account_leased(a) && granted >= 0);
	atomic_store(&a->granted, granted);
}

bool quota_account_lower(struct quota_account *a, int64_t granted)
{
	int64_t before = atomic_load(&a->granted);

	CHECK_OBJ(a, QUOTA_ACCOUNT_MAGIC);
	tg_assert(quota_account_leased(a) && granted >= 0 && granted <= before);
	atomic_store(&a->granted, granted);
	if (atomic_load(&a->committed) <= granted)
		return true;
	atomic_store(&a->granted, before);
	return false;
}

enum quota_result quota_lease_lacks(const struct quota_account *a, mono_us now)
{
	if (atomic_load(&a->unsure) != QUOTA_SURE)
		return QUOTA_UNSURE;
	return now.us < atomic_load(&a->refused_until_us) ? QUOTA_LACKS : QUOTA_ASK;
}

static void push(struct quota_account *a)
{
	struct quota_attention *t = atomic_load(&a->attention);
	struct quota_account *top = atomic_load(&t->top);

	quota_account_get(a);
	do {
		a->attended = top;
	} while (!atomic_compare_exchange_weak(&t->top, &top, a));
	if (top == NULL && t->wake != NULL)
		t->wake(t->arg);
}

/*
 * The look spares a busy account most writes. It is one of a bit that somebody has set: then it is
 * listed, or the control thread has not looked at the numbers since.
 */
void quota_attend(struct quota_account *a, uint32_t why)
{
	if ((atomic_load(&a->attend) & why) == why)
		return;
	if ((atomic_fetch_or(&a->attend, why | QUOTA_ATTEND_LISTED) & QUOTA_ATTEND_LISTED) == 0)
		push(a);
}

static void asked(struct quota_account *a, int64_t amount)
{
	int64_t largest = atomic_load_explicit(&a->largest, memory_order_relaxed);

	while (TG_UNLIKELY(amount > largest) &&
		!atomic_compare_exchange_weak(&a->largest, &largest, amount))
		;
}

void quota_lease_taken(struct quota_account *a, int64_t amount, int64_t room)
{
	asked(a, amount);
	if (room < atomic_load_explicit(&a->low_water, memory_order_relaxed))
		quota_attend(a, QUOTA_ATTEND_LOW);
}

void quota_account_wait(struct quota_account *a, int64_t amount)
{
	CHECK_OBJ(a, QUOTA_ACCOUNT_MAGIC);
	tg_assert(amount >= 0 && amount <= QUOTA_AMOUNT_MAX);
	asked(a, amount);
	atomic_fetch_add(&a->waiting, amount);
	quota_attend(a, QUOTA_ATTEND_WAITS);
}

void quota_account_unwait(struct quota_account *a, int64_t amount)
{
	CHECK_OBJ(a, QUOTA_ACCOUNT_MAGIC);
	tg_assert(atomic_fetch_sub(&a->waiting, amount) >= amount);
}

struct quota_account *quota_attention_take(struct quota_attention *t)
{
	return atomic_exchange(&t->top, NULL);
}

uint32_t quota_account_attended(struct quota_account *a, uint32_t bits)
{
	return atomic_fetch_and(&a->attend, ~bits) & bits;
}
