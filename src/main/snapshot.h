/* SPDX-License-Identifier: Apache-2.0 */
/* `cube snapshot save` and `cube snapshot restore`: the cluster's state in one file, and back. */
#ifndef CUBE_MAIN_SNAPSHOT_H
#define CUBE_MAIN_SNAPSHOT_H

#include "cli/cmd.h"

extern const struct cmd cmd_snapshot_save, cmd_snapshot_restore;

#endif
