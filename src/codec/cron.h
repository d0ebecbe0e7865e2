/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules of five fields (minute, hour, day of month, month, day of week), as cron and CronJobs
 * write them: lists, ranges, steps, names, and the words "@hourly" and its like. */
#ifndef CUBE_CODEC_CRON_H
#define CUBE_CODEC_CRON_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/str.h"

struct cron_schedule {
	uint64_t minutes, hours, days, months, weekdays; /* bit n: n is in it */
	bool any_day, any_weekday; /* the field was "*": the other one alone decides */
	int64_t every_seconds;	   /* "@every 1h30m", else 0 */
};

/* text may begin with "TZ=Zone " or "CRON_TZ=Zone "; the zone goes to ret_zone (empty when there is
 * none; NULL = not wanted). ERR_PARSE in the words that clients of CronJobs know. */
int cron_parse(struct str text, struct cron_schedule *ret, struct str *ret_zone,
	       struct err *err) MUST_CHECK;

#endif
