/* SPDX-License-Identifier: Apache-2.0 */
/* Signal names. */
#ifndef CUBE_LINUX_SIGNALS_H
#define CUBE_LINUX_SIGNALS_H

#include "base/attr.h"

/* "TERM", "SIGTERM", "term", "15", "RTMIN+3" → number; -EINVAL when it is none. */
int signal_number(const char *text) MUST_CHECK;

#endif
