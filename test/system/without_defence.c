/* SPDX-License-Identifier: Apache-2.0 */
/* Linked in place of base/defence.c into the programs of escape.bats; the build says which defence is out. */
#include "base/defence.h"

const enum defence defence_out = WITHOUT;
