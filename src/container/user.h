/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who "www-data", "1000:1000" or "" is, by the /etc/passwd and /etc/group of an image: read beneath
 * the image's folders and never from the host. On worker threads.
 */
#ifndef CUBE_CONTAINER_USER_H
#define CUBE_CONTAINER_USER_H

#include "container/record.h"

#define USER_FILE_BYTES_MAX (4u << 20)
#define USER_GROUPS_MAX 65536u

struct user_lookup {
	const int *root_fds; /* folders of a root file system, topmost first */
	size_t root_count;
	struct str user; /* spec of the user, already the image's when the request had none */
	const struct container_spec *spec; /* numbers and groups that are asked for; or NULL */
};

/* Errors are worded as runc's: "unable to find user x: no matching entries in passwd file". */
int user_find(const struct user_lookup *lookup, struct arena *arena, struct container_user *ret,
	      struct err *err) MUST_CHECK;

#endif
