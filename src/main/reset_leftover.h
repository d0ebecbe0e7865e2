/* SPDX-License-Identifier: Apache-2.0 */
/* Finding what a server left by what the kernel shows, without any record. Called by `cube reset`.
 */
#ifndef CUBE_MAIN_RESET_LEFTOVER_H
#define CUBE_MAIN_RESET_LEFTOVER_H

#include "base/err.h"
#include "base/str.h"

/* Ends the monitors of this mount namespace that hold a state folder in states_dir, even a deleted
 * one, with their containers. */
int leftover_end_monitors(struct str states_dir, struct err *err) MUST_CHECK;
/* Kills what is in the cgroup and removes it with all beneath. Unless whole, only processes that
 * cube started (its own program, or a root file system in data_dir) are killed; a cgroup that
 * others use as well stays. */
int leftover_remove_cgroup(const char *path, bool whole, struct str data_dir,
			   struct err *err) MUST_CHECK;
/* The folder alone, in each hierarchy, where nothing is in it. Not "/". */
void leftover_remove_empty_cgroup(const char *path);
/* Everything mounted beneath dir, the latest first. */
int leftover_unmount(struct str dir, struct err *err) MUST_CHECK;

#endif
