/*
 * metrics_quota.h: figures of limits for /metrics: of the METRICS_QUOTA_MAX that are nearest to
 * their end, for there may be very many. All of them: GET /admin/v1/quota.
 */
#ifndef TG_ADMIN_METRICS_QUOTA_H
#define TG_ADMIN_METRICS_QUOTA_H

#include "core/plan_quota.h"

#define METRICS_QUOTA_MAX 50

struct quota_near {
	unsigned n;
	struct quota_near_slot {
		const struct quota_slot *slot;
		const struct quota_account *account;
		int64_t used, held; /* as they were when it was chosen */
		unsigned share;     /* of the limit, in tenths of a percent */
	} v[METRICS_QUOTA_MAX];
};

enum quota_figure { QUOTA_LIMIT, QUOTA_USED, QUOTA_HELD, QUOTA_GRANTED, QUOTA_OVER };

/* Control thread. Rates have no place here: they refill. */
void quota_near_find(struct quota_near *out, const struct plan_quota *q, struct quota_time now);
int64_t quota_near_figure(const struct quota_near_slot *s, enum quota_figure f);
/* "month", "30d"; empty: of concurrency. Points into buf. */
struct str quota_near_period(const struct quota_near_slot *s, char buf[QUOTA_LIMIT_LEN]);

#endif
