/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ASSERT is for our own bugs only, never for input, and stays on in release builds.
 */
#ifndef CUBE_BASE_ASSERT_H
#define CUBE_BASE_ASSERT_H

#include "base/attr.h"

/* Prints the place and what was violated, then aborts. */
NORETURN COLD void assert_failed(const char *file, int line, const char *what);

#define ASSERT(cond) ((cond) ? (void)0 : assert_failed(__FILE__, __LINE__, #cond))
#define UNREACHABLE() assert_failed(__FILE__, __LINE__, "unreachable")

#endif
