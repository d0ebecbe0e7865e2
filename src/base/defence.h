/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stops escapes from containers, by name, so that a test can show that each one does: test/system links cube-oci
 * again, with an object that takes out the one that the environment names, and lets the attack succeed (escape.bats).
 * Every other program gets defence.c, where none is out; with link-time optimisation the question costs nothing.
 */
#ifndef CUBE_BASE_DEFENCE_H
#define CUBE_BASE_DEFENCE_H

#include <stdbool.h>
#include "base/attr.h"

enum defence {
	DEFENCE_NONE,
	DEFENCE_PROGRAM_FILE,    /* /proc/self/exe of a joining process is not the runtime's file */
	DEFENCE_DESCRIPTORS,     /* what our caller had open does not reach the program */
	DEFENCE_WORKING_FOLDER,  /* process.cwd is inside of the root */
	DEFENCE_BENEATH_ROOT,    /* links in an image lead nowhere but into it */
	DEFENCE_NULL_DEVICE,     /* files are masked with the host's /dev/null, not the image's */
	DEFENCE_PROC_TARGET,     /* proc and sysfs are mounted where they are said to be */
	DEFENCE_HOST_PROC,       /* our own settings are written through the host's /proc */
	DEFENCE_TERMINAL,        /* terminals come from a real devpts of the container */
	DEFENCE_CGROUP_READONLY, /* cgroups are mounted read-only where the config says so */
	DEFENCE_PAUSED,          /* no joining of a frozen container */
	DEFENCE_GROUPS,          /* supplementary groups of our caller are given up */
	DEFENCE_UNDUMPABLE,      /* nobody in a container can trace who joins it */
	DEFENCE_HOST_MOUNTS,     /* without pivot_root, the host's proc and sysfs are gone all the same */
	DEFENCE_SYSCTL_NAME,     /* a sysctl's name leads nowhere but to what is in its namespace */
};

enum defence defence_out(void) PURE;

static inline bool defence(enum defence which)
{
	return which != defence_out();
}

#endif
