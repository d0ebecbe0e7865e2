/* SPDX-License-Identifier: Apache-2.0 */
/* See defence.h: the product has all of them. Apart, so that the linker takes a test's object instead. */
#include "base/defence.h"

enum defence defence_out(void)
{
	return DEFENCE_NONE;
}
