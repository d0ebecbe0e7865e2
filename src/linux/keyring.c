/* SPDX-License-Identifier: Apache-2.0 */
/* See keyring.h. */
#include "linux/keyring.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a new one has (all to who holds it; view, read, link to its user), and search: without that nobody joins it by
 * name. Of the kernel's include/linux/key.h, which programs do not get. */
#define SESSION_PERMISSIONS 0x3f1b0000ul

int keyring_join_session(const char *name)
{
	long key = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);

	if (key < 0)
		return -errno;
	/* of another user's that was there already it is not ours to say */
	return syscall(SYS_keyctl, KEYCTL_SETPERM, key, SESSION_PERMISSIONS) < 0 && errno != EACCES ? -errno : 0;
}
