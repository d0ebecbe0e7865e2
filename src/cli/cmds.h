/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of this folder, for the program's list. */
#ifndef CUBE_CLI_CMDS_H
#define CUBE_CLI_CMDS_H

#include "cli/cmd.h"

extern const struct cmd cmd_image_load, cmd_image_ls, cmd_image_rm, cmd_image_pull;

#endif
