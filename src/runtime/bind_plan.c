/* SPDX-License-Identifier: Apache-2.0 */
/* See bind_plan.h. */
#include "runtime/bind_plan.h"

#include <stdio.h>
#include <sys/mount.h>
#include "base/mem.h"

#define TIMES (MS_NOATIME | MS_RELATIME | MS_STRICTATIME | MS_NODIRATIME)

static const struct {
	unsigned long flag;
	uint64_t attr;
	bool is_lockable;
	char name[12];
} rows[] = {
	{ MS_RDONLY, MOUNT_ATTR_RDONLY, true, "ro" },
	{ MS_NOSUID, MOUNT_ATTR_NOSUID, true, "nosuid" },
	{ MS_NODEV, MOUNT_ATTR_NODEV, true, "nodev" },
	{ MS_NOEXEC, MOUNT_ATTR_NOEXEC, true, "noexec" },
	{ MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW, false, "nosymfollow" },
};
static const struct {
	unsigned long flag;
	char name[12];
} times[] = {
	{ MS_NOATIME, "noatime" },
	{ MS_RELATIME, "relatime" },
	{ MS_STRICTATIME, "strictatime" },
	{ MS_NODIRATIME, "nodiratime" },
};

/* As mount(2) does it, the access times change together; words that only clear one of them change none. */
static int plan_times(const struct mount_options *options, unsigned long present, bool is_refused,
		      struct bind_plan *to, struct err *err)
{
	unsigned long wanted = options->flags & TIMES, had = present & TIMES;

	to->set &= ~(uint64_t)(MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME);
	to->clear &= ~(uint64_t)(MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME);
	for (size_t i = 0; i < ARRAY_COUNT(times) && is_refused; i++) {
		if (options->cleared & had & times[i].flag)
			return err_set(err, ERR_FORBIDDEN, "cannot clear locked flags %s: operation not permitted",
				       times[i].name);
	}
	if (!wanted)
		return 0;
	if (is_refused && wanted != had)
		return err_set(err, ERR_FORBIDDEN, "cannot change locked atime flags: operation not permitted");
	to->clear |= MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;
	if (wanted & MS_STRICTATIME)
		to->set |= MOUNT_ATTR_STRICTATIME;
	else if (wanted & MS_NOATIME)
		to->set |= MOUNT_ATTR_NOATIME;
	if (wanted & MS_NODIRATIME) {
		to->set |= MOUNT_ATTR_NODIRATIME;
		to->clear &= ~(uint64_t)MOUNT_ATTR_NODIRATIME;
	}
	return 0;
}

/* The kernel would refuse what was asked for as it stands. What only takes away access times never is: mount(2) does
 * not even see that. */
static bool weakens(const struct mount_options *options, unsigned long present)
{
	unsigned long wanted = options->flags & TIMES;

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if (rows[i].is_lockable && (present & ~options->flags & rows[i].flag))
			return true;
	}
	return wanted && wanted != (present & TIMES);
}

int bind_plan(const struct mount_options *options, unsigned long present, bool is_locked, struct bind_plan *ret,
	      struct err *err)
{
	struct bind_plan plan = { options->attr_set, options->attr_clear };

	if (!(options->flags & ~(unsigned long)MS_REMOUNT) && !options->cleared) {
		*ret = (struct bind_plan){ 0 };
		return 0;
	}
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		bool stays = is_locked && rows[i].is_lockable && (present & rows[i].flag);

		if (plan.set & rows[i].attr)
			continue;
		if (stays && (options->cleared & rows[i].flag))
			return err_set(err, ERR_FORBIDDEN, "cannot clear locked flags %s: operation not permitted",
				       rows[i].name);
		if (!stays)
			plan.clear |= rows[i].attr;
	}
	if (plan_times(options, present, is_locked && weakens(options, present), &plan, err) < 0)
		return -1;
	*ret = plan;
	return 0;
}
