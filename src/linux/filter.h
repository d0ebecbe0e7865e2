/* SPDX-License-Identifier: Apache-2.0 */
/* Programs the kernel runs for us: seccomp filters and the device rules of a v2 cgroup. Functions return -errno. */
#ifndef CUBE_LINUX_FILTER_H
#define CUBE_LINUX_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/filter.h>
#include "base/attr.h"

/* Installs a seccomp program on this thread. With a notify action in it, *ret_listener is its descriptor. */
int filter_seccomp(const struct sock_filter *program, size_t count, unsigned flags, int *ret_listener) MUST_CHECK;

struct filter_device {
	bool allow;
	char type;            /* 'a' all, 'b', 'c' */
	int64_t major, minor; /* -1: any */
	bool read, write, mknod;
};
#define FILTER_DEVICE_MAX 512
/* Replaces the device rules of a v2 cgroup; the last rule that matches decides, without any match it is denied. */
int filter_devices(int cgroup_fd, const struct filter_device *rules, size_t count) MUST_CHECK;

#endif
