/* SPDX-License-Identifier: Apache-2.0 */
/* Where a process runs and where its memory comes from: process.execCPUAffinity and linux.memoryPolicy. */
#ifndef CUBE_RUNTIME_PLACEMENT_H
#define CUBE_RUNTIME_PLACEMENT_H

#include "oci/spec.h"

#define PLACEMENT_BITS_MAX 1024 /* CPUs or memory nodes */
#define PLACEMENT_WORDS (PLACEMENT_BITS_MAX / 64)

/* "0-3,7" as bits; err names the field. Pure. */
int placement_parse(const char *list, const char *field, uint64_t ret_bits[PLACEMENT_WORDS],
		    struct err *err) MUST_CHECK;
/* Moves the calling process to these CPUs; NULL: to all that its cgroup has. */
/* For debugging: where we may run, in the words of runc's test suite. */
void placement_log(void);
int placement_set_cpus(const char *list, const char *field, struct err *err) MUST_CHECK;
/* For the calling process and what it executes; NULL changes nothing. */
int placement_set_memory(const struct oci_memory_policy *policy, struct err *err) MUST_CHECK;

#endif
