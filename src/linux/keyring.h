/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of the kernel (keyrings(7)). Functions return -errno. */
#ifndef CUBE_LINUX_KEYRING_H
#define CUBE_LINUX_KEYRING_H

#include "base/attr.h"

/* The session keyring of this name, made when there is none, in place of the one that was inherited. */
int keyring_join_session(const char *name) MUST_CHECK;

#endif
