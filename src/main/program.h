/* SPDX-License-Identifier: Apache-2.0 */
/* The list of cube's commands, for main and for tests that walk it. */
#ifndef CUBE_MAIN_PROGRAM_H
#define CUBE_MAIN_PROGRAM_H

#include "cli/cmd.h"

extern const struct program program_cube;

#endif
