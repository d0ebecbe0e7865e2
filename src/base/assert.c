/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the process when one of our own invariants is broken. Called only through ASSERT and UNREACHABLE. */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void assert_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: violated: %s\n", file, line, what);
	abort();
}
