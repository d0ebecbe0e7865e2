/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See mounts.h. New file systems go through mount(2) on /proc/self/fd/N: one call instead of four, and the target is as
 * fixed as with move_mount; binds through open_tree, because their attributes must be set before anybody can see them.
 */
#include "linux/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "base/fd.h"
#include "linux/rootpath.h"

#define ATTR_ATIME 0x70

static const struct {
	char name[16];
	bool clears, recursive;
	unsigned long flag;
	uint64_t attr;
} option_table[] = {
	{ "ro", false, false, MS_RDONLY, MOUNT_ATTR_RDONLY },
	{ "rw", true, false, MS_RDONLY, MOUNT_ATTR_RDONLY },
	{ "nosuid", false, false, MS_NOSUID, MOUNT_ATTR_NOSUID },
	{ "suid", true, false, MS_NOSUID, MOUNT_ATTR_NOSUID },
	{ "nodev", false, false, MS_NODEV, MOUNT_ATTR_NODEV },
	{ "dev", true, false, MS_NODEV, MOUNT_ATTR_NODEV },
	{ "noexec", false, false, MS_NOEXEC, MOUNT_ATTR_NOEXEC },
	{ "exec", true, false, MS_NOEXEC, MOUNT_ATTR_NOEXEC },
	{ "nodiratime", false, false, MS_NODIRATIME, MOUNT_ATTR_NODIRATIME },
	{ "diratime", true, false, MS_NODIRATIME, MOUNT_ATTR_NODIRATIME },
	{ "noatime", false, false, MS_NOATIME, MOUNT_ATTR_NOATIME },
	{ "atime", true, false, MS_NOATIME, MOUNT_ATTR_NOATIME },
	{ "relatime", false, false, MS_RELATIME, MOUNT_ATTR_RELATIME },
	{ "norelatime", true, false, MS_RELATIME, 0 },
	{ "strictatime", false, false, MS_STRICTATIME, MOUNT_ATTR_STRICTATIME },
	{ "nostrictatime", true, false, MS_STRICTATIME, MOUNT_ATTR_STRICTATIME },
	{ "nosymfollow", false, false, MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW },
	{ "symfollow", true, false, MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW },
	{ "rro", false, true, 0, MOUNT_ATTR_RDONLY },
	{ "rrw", true, true, 0, MOUNT_ATTR_RDONLY },
	{ "rnosuid", false, true, 0, MOUNT_ATTR_NOSUID },
	{ "rsuid", true, true, 0, MOUNT_ATTR_NOSUID },
	{ "rnodev", false, true, 0, MOUNT_ATTR_NODEV },
	{ "rdev", true, true, 0, MOUNT_ATTR_NODEV },
	{ "rnoexec", false, true, 0, MOUNT_ATTR_NOEXEC },
	{ "rexec", true, true, 0, MOUNT_ATTR_NOEXEC },
	{ "rnodiratime", false, true, 0, MOUNT_ATTR_NODIRATIME },
	{ "rdiratime", true, true, 0, MOUNT_ATTR_NODIRATIME },
	{ "rnoatime", false, true, 0, MOUNT_ATTR_NOATIME },
	{ "ratime", true, true, 0, MOUNT_ATTR_NOATIME },
	{ "rrelatime", false, true, 0, MOUNT_ATTR_RELATIME },
	{ "rnorelatime", true, true, 0, 0 },
	{ "rstrictatime", false, true, 0, MOUNT_ATTR_STRICTATIME },
	{ "rnostrictatime", true, true, 0, MOUNT_ATTR_STRICTATIME },
	{ "rnosymfollow", false, true, 0, MOUNT_ATTR_NOSYMFOLLOW },
	{ "rsymfollow", true, true, 0, MOUNT_ATTR_NOSYMFOLLOW },
	/* flags of the file system, not of the mount */
	{ "sync", false, false, MS_SYNCHRONOUS, 0 },
	{ "async", true, false, MS_SYNCHRONOUS, 0 },
	{ "dirsync", false, false, MS_DIRSYNC, 0 },
	{ "mand", false, false, MS_MANDLOCK, 0 },
	{ "nomand", true, false, MS_MANDLOCK, 0 },
	{ "lazytime", false, false, MS_LAZYTIME, 0 },
	{ "nolazytime", true, false, MS_LAZYTIME, 0 },
	{ "iversion", false, false, MS_I_VERSION, 0 },
	{ "noiversion", true, false, MS_I_VERSION, 0 },
	{ "silent", false, false, MS_SILENT, 0 },
	{ "loud", true, false, MS_SILENT, 0 },
	{ "remount", false, false, MS_REMOUNT, 0 },
	{ "acl", false, false, MS_POSIXACL, 0 },
	{ "noacl", true, false, MS_POSIXACL, 0 },
	{ "defaults", false, false, 0, 0 },
};

static const struct {
	char name[12];
	unsigned long flags;
} propagation_table[] = {
	{ "private", MS_PRIVATE },       { "rprivate", MS_PRIVATE | MS_REC },
	{ "slave", MS_SLAVE },           { "rslave", MS_SLAVE | MS_REC },
	{ "shared", MS_SHARED },         { "rshared", MS_SHARED | MS_REC },
	{ "unbindable", MS_UNBINDABLE }, { "runbindable", MS_UNBINDABLE | MS_REC },
};

unsigned long mount_propagation(const char *text)
{
	for (size_t i = 0; i < ARRAY_COUNT(propagation_table); i++) {
		if (strcmp(propagation_table[i].name, text) == 0)
			return propagation_table[i].flags;
	}
	return 0;
}

/* The access-time modes are one field of the attribute word, so setting any clears the others. */
static void attr_change(uint64_t *set, uint64_t *clear, uint64_t attr, bool clears)
{
	uint64_t field = attr & ATTR_ATIME;

	if (field || attr == MOUNT_ATTR_RELATIME) {
		*clear |= ATTR_ATIME;
		*set &= ~(uint64_t)ATTR_ATIME;
		if (!clears)
			*set |= attr;
		return;
	}
	if (clears) {
		*clear |= attr;
		*set &= ~attr;
	} else {
		*set |= attr;
		*clear &= ~attr;
	}
}

bool mount_option_parse(const char *text, struct mount_options *options)
{
	unsigned long propagation = mount_propagation(text);

	if (propagation) {
		options->propagation = propagation;
		return true;
	}
	if (strcmp(text, "bind") == 0 || strcmp(text, "rbind") == 0) {
		options->is_bind = true;
		options->is_recursive = text[0] == 'r';
		return true;
	}
	if (strcmp(text, "tmpcopyup") == 0)
		return options->copy_up = true;
	if (strcmp(text, "idmap") == 0 || strcmp(text, "ridmap") == 0) {
		options->idmap = true;
		options->idmap_recursive = text[0] == 'r';
		return true;
	}
	for (size_t i = 0; i < ARRAY_COUNT(option_table); i++) {
		if (strcmp(option_table[i].name, text) != 0)
			continue;
		if (option_table[i].clears) {
			options->flags &= ~option_table[i].flag;
			options->cleared |= option_table[i].flag;
		} else {
			options->flags |= option_table[i].flag;
			options->cleared &= ~option_table[i].flag;
		}
		if (option_table[i].recursive)
			attr_change(&options->rec_attr_set, &options->rec_attr_clear, option_table[i].attr,
				    option_table[i].clears);
		else if (option_table[i].attr || option_table[i].flag == MS_RELATIME)
			attr_change(&options->attr_set, &options->attr_clear, option_table[i].attr,
				    option_table[i].clears);
		return true;
	}
	return false;
}

const char *mount_option_name(size_t index)
{
	static const char *const words[] = { "bind", "rbind", "tmpcopyup", "idmap", "ridmap" };

	if (index < ARRAY_COUNT(option_table))
		return option_table[index].name;
	index -= ARRAY_COUNT(option_table);
	if (index < ARRAY_COUNT(propagation_table))
		return propagation_table[index].name;
	index -= ARRAY_COUNT(propagation_table);
	return index < ARRAY_COUNT(words) ? words[index] : NULL;
}

int mount_fs(const char *type, const char *source, int target_fd, unsigned long flags, const char *options)
{
	char target[ROOTPATH_PROC_BYTES];

	return mount(source, rootpath_proc(target_fd, target), type, flags, options) < 0 ? -errno : 0;
}

int mount_clone(int dir_fd, const char *path, bool recursive)
{
	int fd = open_tree(dir_fd, path,
			   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u));

	return fd < 0 ? -errno : fd;
}

int mount_detached(const char *type)
{
	AUTO_FD context = fsopen(type, FSOPEN_CLOEXEC);
	int fd;

	if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	fd = fsmount(context, FSMOUNT_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int mount_attach(int tree_fd, int target_fd)
{
	return move_mount(tree_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno :
													       0;
}

int mount_flags(int tree_fd, unsigned long *ret)
{
	static const struct {
		long shown;
		unsigned long flag;
	} rows[] = {
		{ ST_RDONLY, MS_RDONLY },	    { ST_NOSUID, MS_NOSUID },
		{ ST_NODEV, MS_NODEV },		    { ST_NOEXEC, MS_NOEXEC },
		{ ST_NOATIME, MS_NOATIME },	    { ST_NODIRATIME, MS_NODIRATIME },
		{ ST_RELATIME, MS_RELATIME },	    { 0x2000 /* ST_NOSYMFOLLOW */, MS_NOSYMFOLLOW },
	};
	struct statfs fs;

	if (fstatfs(tree_fd, &fs) < 0)
		return -errno;
	*ret = 0;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		*ret |= fs.f_flags & rows[i].shown ? rows[i].flag : 0;
	return 0;
}

int mount_set(int tree_fd, bool recursive, uint64_t attr_set, uint64_t attr_clear)
{
	struct mount_attr attr = { .attr_set = attr_set, .attr_clr = attr_clear };

	if (!attr_set && !attr_clear)
		return 0;
	return mount_setattr(tree_fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u), &attr, sizeof(attr)) < 0 ?
		       -errno :
		       0;
}

int mount_set_propagation(int tree_fd, unsigned long propagation)
{
	struct mount_attr attr = { .propagation = propagation & ~(unsigned long)MS_REC };

	return mount_setattr(tree_fd, "", AT_EMPTY_PATH | ((propagation & MS_REC) ? AT_RECURSIVE : 0u), &attr,
			     sizeof(attr)) < 0 ?
		       -errno :
		       0;
}

int mount_set_idmap(int tree_fd, bool recursive, int userns_fd)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns_fd };

	return mount_setattr(tree_fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u), &attr, sizeof(attr)) < 0 ?
		       -errno :
		       0;
}

int mount_pivot(int root_fd)
{
	AUTO_FD old_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	/* pivot_root(".", ".") stacks the old root over the new one; it is then detached from there (pivot_root(2)). */
	if (old_root < 0 || fchdir(root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return -errno;
	/* Nothing we do from here on may travel back to the host's mounts. */
	if (fchdir(old_root) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return -errno;
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}
