/*
 * fuzz_hints.c: any bytes as what providers say: about waiting (never understood as less than now
 * or more than a day), and about errors.
 */
#include <stdint.h>

#include "base/slab.h"
#include "core/error_class.h"
#include "route/hints.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const wall_us now = { INT64_C(1795860000000000) };
	struct str text = { (const char *)data, size };
	enum error_class is = error_class_of(text);
	int64_t v = -1;
	struct block_pool pool;

	block_pool_init(&pool, 1 << 22);
	(void)error_retry_ms(SHAPE_GEMINI, text, &pool);
	tg_assert(!error_is_key(SHAPE_OPENAI, text, &pool));
	(void)error_is_key(SHAPE_GEMINI, text, &pool);
	block_pool_fini(&pool);

	tg_assert(is >= ERROR_OTHER && is <= ERROR_POLICY);
	if (hint_retry_after(text, now, &v) == 0)
		tg_assert(v >= 0 && v <= HINTS_MOST_US);
	if (hint_retry_after_ms(text, &v) == 0)
		tg_assert(v >= 0 && v <= HINTS_MOST_US);
	if (hint_reset(text, now, &v) == 0)
		tg_assert(v >= 0 && v <= HINTS_MOST_US);
	if (hint_count(text, &v) == 0)
		tg_assert(v >= 0);
	return 0;
}
