/* SPDX-License-Identifier: Apache-2.0 */
/* `cube reset`: the way back to a machine without cube. */
#ifndef CUBE_MAIN_RESET_H
#define CUBE_MAIN_RESET_H

#include "cli/cmd.h"

extern const struct cmd cmd_reset;

#endif
