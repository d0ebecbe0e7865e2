/* SPDX-License-Identifier: Apache-2.0 */
/* See oom_watch.h. */
#include "linux/oom_watch.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/time.h"

void oom_watch_open(struct oom_watch *watch, const struct cgroup *cgroup, uint64_t kills)
{
	*watch = (struct oom_watch){ .cgroup = cgroup, .fd = -1, .kills = kills };
	if (cgroup)
		watch->fd = cgroup_oom_fd(cgroup, &watch->events);
}

void oom_watch_close(struct oom_watch *watch)
{
	fd_close(&watch->fd);
	*watch = (struct oom_watch){ .fd = -1 };
}

void oom_watch_event(struct oom_watch *watch, int64_t mono_ns)
{
	char block[512];

	/* a cgroup's file must be read from its start to tell of the next change; kernels differ in whether an
	 * eventfd can be sought */
	if ((lseek(watch->fd, 0, SEEK_SET) < 0 && errno != ESPIPE) ||
	    (read(watch->fd, block, sizeof(block)) < 0 && errno != EAGAIN))
		fd_close(&watch->fd);
	if (watch->events == POLLIN)
		watch->until_ns = mono_ns + OOM_WAIT_MS * TIME_NS_PER_MS;
}

bool oom_watch_look(struct oom_watch *watch, int64_t mono_ns)
{
	uint64_t kills = watch->cgroup ? cgroup_oom_kills(watch->cgroup) : 0;
	bool is_news = kills > watch->kills;

	if (is_news)
		watch->kills = kills;
	if (is_news || mono_ns >= watch->until_ns)
		watch->until_ns = 0;
	return is_news;
}

int oom_watch_wait_ms(const struct oom_watch *watch)
{
	return watch->until_ns ? OOM_LOOK_MS : -1;
}
