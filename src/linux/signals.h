/* SPDX-License-Identifier: Apache-2.0 */
/* Signal names. */
#ifndef CUBE_LINUX_SIGNALS_H
#define CUBE_LINUX_SIGNALS_H

#include "base/attr.h"

/* "TERM", "SIGTERM", "term", "15", "RTMIN+3" → number; -EINVAL when it is none. */
int signal_number(const char *text) MUST_CHECK;
#define SIGNAL_TEXT_BYTES 40
/* "killed", "bad system call": as the runtimes print them. Returns to. */
const char *signal_text(int number, char *to);

#endif
