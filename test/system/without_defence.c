/* SPDX-License-Identifier: Apache-2.0 */
/* Linked in place of base/defence.c into the program of escape.bats; the environment says which defence is out. */
#include <stdlib.h>
#include <string.h>
#include "base/defence.h"
#include "base/mem.h"

static const struct {
	char name[16];
	enum defence defence;
} defences[] = {
	{ "program-file", DEFENCE_PROGRAM_FILE },
	{ "descriptors", DEFENCE_DESCRIPTORS },
	{ "working-folder", DEFENCE_WORKING_FOLDER },
	{ "beneath-root", DEFENCE_BENEATH_ROOT },
	{ "null-device", DEFENCE_NULL_DEVICE },
	{ "proc-target", DEFENCE_PROC_TARGET },
	{ "host-proc", DEFENCE_HOST_PROC },
	{ "terminal", DEFENCE_TERMINAL },
	{ "cgroup-readonly", DEFENCE_CGROUP_READONLY },
	{ "paused", DEFENCE_PAUSED },
	{ "groups", DEFENCE_GROUPS },
	{ "undumpable", DEFENCE_UNDUMPABLE },
	{ "host-mounts", DEFENCE_HOST_MOUNTS },
	{ "sysctl-name", DEFENCE_SYSCTL_NAME },
};

enum defence defence_out(void)
{
	const char *name = getenv("CUBE_WITHOUT_DEFENCE");

	for (size_t i = 0; name && i < ARRAY_COUNT(defences); i++) {
		if (strcmp(defences[i].name, name) == 0)
			return defences[i].defence;
	}
	return DEFENCE_NONE;
}
