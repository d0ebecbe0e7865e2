/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout as upstream's: "..data" → "..v<n>", "<name>" → "..data/<name>" for each first path
 * element. Order: new folder, swap, links that are missing, links that are no longer wanted, old
 * folder.
 */
#include "kubelet/atomic_writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"

#define DATA_LINK "..data"
#define DATA_LINK_NEXT "..data_tmp"
#define VERSION_PREFIX "..v"
#define VERSION_BYTES 32

static struct str first_element(struct str path)
{
	size_t slash = str_find_char(path, '/', 0);

	return slash == SIZE_MAX ? path : str_slice(path, 0, slash);
}

/* Number of the present version; -1 = there is none. */
static int64_t version_read(int dir_fd, char name[VERSION_BYTES])
{
	ssize_t len = readlinkat(dir_fd, DATA_LINK, name, VERSION_BYTES - 1);
	struct str text;
	uint64_t number;

	if (len <= 0)
		return -1;
	name[len] = 0;
	text = str_sub(name, (size_t)len);
	if (!str_strip_prefix(&text, STR(VERSION_PREFIX)) ||
	    num_parse_u64(text, INT64_MAX - 1, "version", &number, NULL) < 0)
		return -1;
	return (int64_t)number;
}

static uint32_t mode_with_group(uint32_t mode, int64_t group)
{
	return group < 0 ? mode : mode | 0440;
}

static bool file_is_same(int version_fd, const struct volume_file *f, int64_t group,
			 struct buf *scratch)
{
	AUTO_FREE char *path = str_dup_c(f->path);
	struct stat st;

	buf_reset(scratch);
	if (fstatat(version_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    (st.st_mode & 0777) != mode_with_group(f->mode, group) ||
	    (size_t)st.st_size != f->bytes.len)
		return false;
	if (fd_read_file(version_fd, path, f->bytes.len + 1, scratch, NULL) < 0)
		return false;
	return str_eq(buf_str(scratch), f->bytes);
}

static size_t count_files(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	size_t count = 0;

	if (!dir) {
		fd_close(&fd);
		return 0;
	}
	while ((e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		count += e->d_type == DT_DIR ? count_files(dirfd(dir), e->d_name) : 1;
	}
	closedir(dir);
	return count;
}

static bool version_is_same(int dir_fd, const char *version, const struct volume_file *files,
			    size_t count, int64_t group)
{
	AUTO_FD fd = openat(dir_fd, version, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_BUF scratch = { 0 };

	buf_init(&scratch, (size_t)64 << 20);
	if (fd < 0 || count_files(dir_fd, version) != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!file_is_same(fd, &files[i], group, &scratch))
			return false;
	return true;
}

static int file_write(int version_fd, const struct volume_file *f, int64_t group, struct err *err)
{
	AUTO_FREE char *path = str_dup_c(f->path);
	size_t slash = str_rfind_char(f->path, '/');
	AUTO_FD fd = -1;

	if (slash != SIZE_MAX) {
		AUTO_FREE char *dir = str_dup_c(str_slice(f->path, 0, slash));

		if (fd_make_dirs(version_fd, dir, 0755, err) < 0)
			return -1;
	}
	fd = openat(version_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_os(err, "write %s", path);
	if (fd_write_all(fd, f->bytes.ptr, f->bytes.len, err) < 0)
		return err_wrap(err, "write %s", path);
	if ((group >= 0 && fchown(fd, (uid_t)-1, (gid_t)group) < 0) ||
	    fchmod(fd, mode_with_group(f->mode, group)) < 0)
		return err_os(err, "mode of %s", path);
	return 0;
}

static int link_visible(int dir_fd, struct str element, struct err *err)
{
	AUTO_FREE char *name = str_dup_c(element);
	AUTO_FREE char *target = mem_printf(DATA_LINK "/%s", name);

	if (symlinkat(target, dir_fd, name) < 0 && errno != EEXIST)
		return err_os(err, "link %s", name);
	return 0;
}

static bool is_wanted(const char *name, const struct volume_file *files, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq_c(first_element(files[i].path), name))
			return true;
	return false;
}

/* Links that lead nowhere now, and folders of versions before. */
static void clear_old(int dir_fd, const char *version, const struct volume_file *files,
		      size_t count)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		fd_close(&fd);
		return;
	}
	while ((e = readdir(dir))) {
		bool is_version = strncmp(e->d_name, VERSION_PREFIX, strlen(VERSION_PREFIX)) == 0;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    strcmp(e->d_name, DATA_LINK) == 0)
			continue;
		if (is_version && strcmp(e->d_name, version) != 0) {
			if (fd_remove_tree(dir_fd, e->d_name, NULL) < 0)
				continue; /* the next write tries again */
		} else if (!is_version && !is_wanted(e->d_name, files, count)) {
			(void)unlinkat(dir_fd, e->d_name, 0); /* likewise */
		}
	}
	closedir(dir);
}

static int version_write(int dir_fd, const char *version, const struct volume_file *files,
			 size_t count, int64_t group, struct err *err)
{
	AUTO_FD fd = -1;

	if (fd_remove_tree(dir_fd, version, err) < 0)
		return -1;
	if (mkdirat(dir_fd, version, 0755) < 0)
		return err_os(err, "make %s", version);
	fd = openat(dir_fd, version, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, 0755) < 0)
		return err_os(err, "open %s", version);
	for (size_t i = 0; i < count; i++)
		if (file_write(fd, &files[i], group, err) < 0)
			return -1;
	return 0;
}

int atomic_write(int dir_fd, const struct volume_file *files, size_t file_count, int64_t group,
		 bool *ret_changed, struct err *err)
{
	char present[VERSION_BYTES], version[VERSION_BYTES];
	int64_t number = version_read(dir_fd, present);
	bool same = number >= 0 && version_is_same(dir_fd, present, files, file_count, group);

	if (ret_changed)
		*ret_changed = !same;
	if (same)
		return 0;
	(void)snprintf(version, sizeof(version), VERSION_PREFIX "%lld",
		       (long long)number + 1); /* fits */
	if (version_write(dir_fd, version, files, file_count, group, err) < 0)
		return -1;
	(void)unlinkat(dir_fd, DATA_LINK_NEXT, 0); /* left over from a crash, or not there */
	if (symlinkat(version, dir_fd, DATA_LINK_NEXT) < 0 ||
	    renameat(dir_fd, DATA_LINK_NEXT, dir_fd, DATA_LINK) < 0)
		return err_os(err, "swap " DATA_LINK);
	for (size_t i = 0; i < file_count; i++)
		if (link_visible(dir_fd, first_element(files[i].path), err) < 0)
			return -1;
	clear_old(dir_fd, version, files, file_count);
	return 0;
}
