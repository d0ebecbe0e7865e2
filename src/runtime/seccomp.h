/* SPDX-License-Identifier: Apache-2.0 */
/* linux.seccomp to a program for the kernel, through libseccomp; the result is kept in a file,
 * because that takes ms. */
#ifndef CUBE_RUNTIME_SECCOMP_H
#define CUBE_RUNTIME_SECCOMP_H

#include <linux/filter.h>
#include "base/err.h"
#include "oci/spec.h"

struct seccomp_program {
	struct sock_filter *filter; /* heap; NULL: no seccomp */
	size_t count;
	unsigned flags;             /* SECCOMP_FILTER_FLAG_… */
	const char *listener_path, *listener_metadata;
};

/* cache_dir_fd: where compiled programs are kept, by hash of the profile; < 0 for none. */
int seccomp_compile(const struct oci_seccomp *profile, int cache_dir_fd, struct seccomp_program *ret,
		    struct err *err) MUST_CHECK;
void seccomp_free(struct seccomp_program *program);

#endif
