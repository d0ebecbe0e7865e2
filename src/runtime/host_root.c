/* SPDX-License-Identifier: Apache-2.0 */
/* See host_root.h. */
#include "runtime/host_root.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/num.h"
#include "linux/mounts.h"

#define LINK_NAME "host-root" /* "<mount id>:<path>" */

/* Of the mount that path, or fd with an empty path, lies on; 0 when that cannot be told. */
static uint64_t mount_id(int fd, const char *path)
{
	struct statx st;

	if (statx(fd, path, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &st) < 0 ||
	    !(st.stx_mask & STATX_MNT_ID))
		return 0;
	return st.stx_mnt_id;
}

int host_root_mount(const struct container *c, struct err *err)
{
	char text[PATH_MAX + 32], path[PATH_MAX];
	int failed;

	/* without "." or links: as it will be found again */
	if (!realpath(c->rootfs, path))
		return err_os(err, "root.path: %s", c->rootfs);
	AUTO_FD target = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD tree = mount_clone(AT_FDCWD, path, true);
	if (target < 0 || tree < 0)
		return err_os(err, "root.path: %s", path);
	failed = mount_set_propagation(tree, MS_PRIVATE | MS_REC);
	if (failed < 0)
		return err_neg(err, failed, "root.path: %s", path);
	snprintf(text, sizeof(text), "%" PRIu64 ":%s", mount_id(tree, ""), path);
	if (symlinkat(text, c->dir_fd, LINK_NAME) < 0)
		return err_os(err, "note the root's mount");
	failed = mount_attach(tree, target);
	return failed < 0 ? err_neg(err, failed, "root.path: mount on %s", path) : 0;
}

int host_root_unmount(const struct container *c, struct err *err)
{
	char text[PATH_MAX + 32];
	ssize_t len = c->dir_fd < 0 ? -1 : readlinkat(c->dir_fd, LINK_NAME, text, sizeof(text) - 1);
	struct str id, path;
	uint64_t number;

	if (len <= 0)
		return 0;
	text[len] = '\0';
	if (!str_cut(str_from(text), ':', &id, &path) || num_parse_u64(id, UINT64_MAX, LINK_NAME, &number, err) < 0)
		return err_set(err, ERR_INTERNAL, "container \"%s\": unreadable link " LINK_NAME, c->id);
	/* Another mount is another's: ours is gone, or was never made. */
	if (number == 0 || mount_id(AT_FDCWD, path.ptr) != number)
		return 0;
	if (umount2(path.ptr, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return err_os(err, "unmount %s", path.ptr);
	return 0;
}

int host_root_enter(int root_fd, struct err *err)
{
	if (fchdir(root_fd) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return err_os(err, "change the root");
	return 0;
}
