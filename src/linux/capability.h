/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities: names and the five sets as bit masks. Functions return -errno. */
#ifndef CUBE_LINUX_CAPABILITY_H
#define CUBE_LINUX_CAPABILITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/attr.h"

struct capability_sets {
	uint64_t bounding, effective, inheritable, permitted, ambient;
};

#define CAPABILITY_COUNT 41
/* "CAP_CHOWN" → 0 …; any case, with or without CAP_; -1 when unknown. */
int capability_number(const char *name) PURE;
const char *capability_name(int number) PURE; /* "CAP_…" or NULL */
/* What this process may use now. */
uint64_t capability_effective(void) MUST_CHECK;
bool capability_is_effective(int number) MUST_CHECK;
/* Before the user changes: drops from the bounding set what is not in it and asks to keep capabilities over setuid. */
int capability_drop_bounding(const struct capability_sets *sets) MUST_CHECK;
/* Makes all that is permitted effective again (changing the user took that away). */
int capability_raise(void) MUST_CHECK;
/* After the user changed: sets the other four. */
int capability_apply(const struct capability_sets *sets) MUST_CHECK;

#endif
