/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot file from anywhere: it is restored or refused, and what was refused leaves no store behind. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/fd.h"
#include "base/mem.h"
#include "store/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	AUTO_FD fd = memfd_create("snapshot", MFD_CLOEXEC);
	char path[64], dir[] = "/tmp/fuzz-snapshot-XXXXXX", data_dir[64];
	struct err err = { 0 };

	ASSERT(fd >= 0 && fd_write_all(fd, bytes, len, &err) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ASSERT(mkdtemp(dir));
	snprintf(data_dir, sizeof(data_dir), "%s/db/data.mdb", dir);
	*strrchr(data_dir, '/') = '\0';
	if (store_snapshot_restore(path, data_dir, &err) < 0) {
		ASSERT(err.code != ERR_NONE && err.msg[0]);
		data_dir[strlen(data_dir)] = '/';
		ASSERT(access(data_dir, F_OK) < 0);
	}
	ASSERT(fd_remove_tree(AT_FDCWD, dir, &err) == 0);
	return 0;
}
