/*
 * check_timer.c: the timer wheel on a clock of the test's own, and once on the real one.
 * The file under test is included so that its clock can be replaced and its tick called.
 */
#include "base/clock.h"

static int64_t test_now_us;

static mono_us test_clock(void)
{
	return (mono_us){ test_now_us };
}

#define clock_mono test_clock
#include "io/timer.c"
#undef clock_mono

#include "unit/unit.h"

#define MS 1000

static struct event_base *base;
static struct timer_wheel wheel;

static void setup(void)
{
	test_now_us = 7 * 1000000 + 123;
	base = event_base_new();
	timer_wheel_init(&wheel, base);
}

static void teardown(void)
{
	timer_wheel_fini(&wheel);
	event_base_free(base);
}

static void run_at(int64_t us)
{
	test_now_us = us;
	timer_wheel_on_tick(-1, EV_TIMEOUT, &wheel);
}

static void advance(int64_t us)
{
	run_at(test_now_us + us);
}

struct probe {
	struct timer timer;
	int64_t want_us; /* the deadline the test knows of */
	int n_fired;
	struct probe *other;
};

static void on_count(struct timer *t)
{
	struct probe *p = TG_CONTAINER_OF(t, struct probe, timer);

	ck_assert_msg(p->want_us <= test_now_us, "fired early");
	ck_assert(!timer_armed(t));
	p->n_fired++;
}

static void probe_arm(struct probe *p, int64_t after_us)
{
	p->want_us = wheel.now.us + after_us;
	timer_arm(&wheel, &p->timer, after_us);
}

START_TEST(fires_within_a_tick)
{
	static const int64_t after[] = { 0, 1, TIMER_TICK_US - 1, TIMER_TICK_US, TIMER_TICK_US + 1,
		999 * MS, TIMER_TICK_US * TIMER_SLOTS - 1, (int64_t)TIMER_TICK_US * TIMER_SLOTS,
		3600 * 1000 * (int64_t)MS };
	struct probe p = { .n_fired = 0 };

	timer_init(&p.timer, on_count);
	probe_arm(&p, after[_i]);
	ck_assert(timer_armed(&p.timer));
	while (p.n_fired == 0) {
		ck_assert_msg(test_now_us < p.want_us + 2 * TIMER_TICK_US, "too late");
		advance(TIMER_TICK_US);
	}
	advance(10 * TIMER_TICK_US);
	ck_assert_int_eq(p.n_fired, 1);
	ck_assert_uint_eq(wheel.n_armed, 0);
}
END_TEST

START_TEST(moved_later_then_earlier)
{
	struct probe p = { .n_fired = 0 };

	timer_init(&p.timer, on_count);
	probe_arm(&p, 100 * MS);
	probe_arm(&p, 5000 * MS);
	for (int i = 0; i < 20; i++)
		advance(TIMER_TICK_US); /* the old slot has come up */
	ck_assert_int_eq(p.n_fired, 0);
	ck_assert(timer_armed(&p.timer));
	probe_arm(&p, 9000 * MS);
	probe_arm(&p, 200 * MS);
	advance(300 * MS);
	ck_assert_int_eq(p.n_fired, 1);
	advance(20000 * MS);
	ck_assert_int_eq(p.n_fired, 1);
}
END_TEST

/* Whichever of the two fires first disarms and frees the other. */
static void on_kill_other(struct timer *t)
{
	struct probe *p = TG_CONTAINER_OF(t, struct probe, timer);

	p->n_fired++;
	ck_assert_ptr_nonnull(p->other);
	timer_disarm(&wheel, &p->other->timer);
	ck_assert(!timer_armed(&p->other->timer));
	free(p->other);
	p->other = NULL;
}

START_TEST(disarm_and_free_another)
{
	struct probe *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);

	timer_init(&a->timer, on_kill_other);
	timer_init(&b->timer, on_kill_other);
	a->other = b;
	b->other = a;
	probe_arm(a, 100 * MS);
	probe_arm(b, 100 * MS);
	advance(1000 * MS);
	ck_assert_int_eq(a->n_fired, 1); /* armed first */
	ck_assert_uint_eq(wheel.n_armed, 0);
	free(a);
}
END_TEST

static void on_free_self(struct timer *t)
{
	free(TG_CONTAINER_OF(t, struct probe, timer));
}

START_TEST(free_in_callback)
{
	for (int i = 0; i < 100; i++) {
		struct probe *p = calloc(1, sizeof *p);

		timer_init(&p->timer, on_free_self);
		probe_arm(p, (i % 3) * TIMER_TICK_US);
	}
	advance(1000 * MS);
	ck_assert_uint_eq(wheel.n_armed, 0);
}
END_TEST

static void on_again(struct timer *t)
{
	struct probe *p = TG_CONTAINER_OF(t, struct probe, timer);

	p->n_fired++;
	timer_arm(&wheel, t, 0);
}

/* A timer that arms itself with 0 goes to the next tick and does not hold up the loop. */
START_TEST(rearm_in_callback)
{
	struct probe p = { .n_fired = 0 };

	/* The clock exactly on a tick, which is then already over. */
	run_at(8 * 1000000);
	timer_init(&p.timer, on_again);
	probe_arm(&p, 0);
	for (int i = 1; i <= 10; i++) {
		advance(TIMER_TICK_US);
		ck_assert_int_eq(p.n_fired, i);
	}
	timer_disarm(&wheel, &p.timer);
	timer_disarm(&wheel, &p.timer);
	advance(1000 * MS);
	ck_assert_int_eq(p.n_fired, 10);
}
END_TEST

START_TEST(stops_when_idle)
{
	struct probe p = { .n_fired = 0 };

	timer_init(&p.timer, on_count);
	ck_assert(!event_pending(&wheel.tick, EV_TIMEOUT, NULL));
	probe_arm(&p, 100 * MS);
	ck_assert(event_pending(&wheel.tick, EV_TIMEOUT, NULL));
	advance(200 * MS);
	ck_assert(!event_pending(&wheel.tick, EV_TIMEOUT, NULL));

	/* Idle for long, then used again: nothing of the old position may matter. */
	test_now_us += (int64_t)77777 * TIMER_TICK_US + 3;
	timer_wheel_now_set(&wheel, test_clock());
	probe_arm(&p, 100 * MS);
	ck_assert(event_pending(&wheel.tick, EV_TIMEOUT, NULL));
	advance(50 * MS);
	ck_assert_int_eq(p.n_fired, 1);
	advance(100 * MS);
	ck_assert_int_eq(p.n_fired, 2);
}
END_TEST

/* Random arming, moving, disarming and stalls against a plain array of deadlines. */
START_TEST(model)
{
	enum { N = 500 };
	static struct probe p[N];
	unsigned seed = 12345 + (unsigned)_i;

	memset(p, 0, sizeof p);
	for (int i = 0; i < N; i++)
		timer_init(&p[i].timer, on_count);
	for (int step = 0; step < 2000; step++) {
		int64_t last_tick = wheel.tick_no;

		for (int k = rand_r(&seed) % 20; k > 0; k--) {
			struct probe *it = &p[rand_r(&seed) % N];

			if (rand_r(&seed) % 4 == 0)
				timer_disarm(&wheel, &it->timer);
			else
				probe_arm(it,
					rand_r(&seed) % (rand_r(&seed) % 8 ? 3000000 : 200000000));
		}
		advance(rand_r(&seed) % 50 ? rand_r(&seed) % 200000 : 300000000);
		if (wheel.tick_no == last_tick || !wheel.ticking)
			continue;
		for (int i = 0; i < N; i++)
			ck_assert(!timer_armed(&p[i].timer) ||
				  tick_after(p[i].want_us) > wheel.tick_no);
	}
	for (int i = 0; i < N; i++)
		timer_disarm(&wheel, &p[i].timer);
	ck_assert_uint_eq(wheel.n_armed, 0);
}
END_TEST

START_TEST(fini_takes_timers_off)
{
	struct probe p = { .n_fired = 0 };

	timer_init(&p.timer, on_count);
	probe_arm(&p, 100 * MS);
	timer_wheel_fini(&wheel);
	ck_assert(!timer_armed(&p.timer));
	ck_assert(list_empty(&p.timer.node));
}
END_TEST

/* libevent drives it: the loop ends by itself because the wheel stops. */
static void on_loop_fire(struct timer *t)
{
	TG_CONTAINER_OF(t, struct probe, timer)->n_fired++;
}

START_TEST(real_loop)
{
	struct probe p = { .n_fired = 0 };

	timer_init(&p.timer, on_loop_fire);
	probe_arm(&p, TIMER_TICK_US);
	test_now_us += 2 * TIMER_TICK_US; /* what the tick will see */
	ck_assert_int_ge(event_base_dispatch(base), 0);
	ck_assert_int_eq(p.n_fired, 1);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, fires_within_a_tick, 0, 9);
	tcase_add_test(tc, moved_later_then_earlier);
	tcase_add_test(tc, disarm_and_free_another);
	tcase_add_test(tc, free_in_callback);
	tcase_add_test(tc, rearm_in_callback);
	tcase_add_test(tc, stops_when_idle);
	tcase_add_loop_test(tc, model, 0, 3);
	tcase_add_test(tc, fini_takes_timers_off);
	tcase_add_test(tc, real_loop);
}

UNIT_MAIN("timer", tests)
