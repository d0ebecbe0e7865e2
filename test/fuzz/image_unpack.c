/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a (compressed) layer, unpacked into a folder: nothing beside the folder may change. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/fd.h"
#include "image/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char path[] = "/tmp/cube-fuzz.XXXXXX";
	struct unpack unpack = { 0 };
	struct dirent *e;
	struct err err;
	int count = 0, dir_fd;
	DIR *dir;

	if (!mkdtemp(path))
		return 0;
	dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT(dir_fd >= 0 && fd_make_dirs(dir_fd, "root", 0755, &err) == 0);
	unpack.root_fd = openat(dir_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unpack.archive_fd = memfd_create("layer", MFD_CLOEXEC);
	if (size)
		ASSERT(fd_write_all(unpack.archive_fd, bytes, size, &err) == 0);
	lseek(unpack.archive_fd, 0, SEEK_SET);
	if (unpack_layer(&unpack, &err) == 0)
		ASSERT(strlen(unpack.diff_id) == 71);
	dir = fdopendir(dir_fd);
	while ((e = readdir(dir)))
		count += e->d_name[0] != '.';
	ASSERT(count == 1);
	closedir(dir);
	close(unpack.root_fd);
	close(unpack.archive_fd);
	ASSERT(fd_remove_tree(AT_FDCWD, path, &err) == 0);
	return 0;
}
