/* SPDX-License-Identifier: Apache-2.0 */
/* See terminal.h. The slave is opened with TIOCGPTPEER: a path in the container's /dev/pts could be a trap. */
#include "linux/terminal.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/fd.h"

int terminal_open(int ptmx_fd_dir, const char *ptmx_path, int *ret_master, int *ret_slave)
{
	AUTO_FD master = openat(ptmx_fd_dir, ptmx_path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	int unlocked = 0, slave;

	if (master < 0)
		return -errno;
	if (ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		return -errno;
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return -errno;
	*ret_slave = slave;
	*ret_master = fd_take(&master);
	return 0;
}

int terminal_resize(int fd, uint16_t rows, uint16_t columns)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };

	return ioctl(fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

int terminal_copy_size(int from_fd, int to_fd)
{
	struct winsize size;

	return ioctl(from_fd, TIOCGWINSZ, &size) < 0 || ioctl(to_fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

int terminal_control(int slave_fd)
{
	return ioctl(slave_fd, TIOCSCTTY, 0) < 0 ? -errno : 0;
}

int terminal_keep_newlines(int fd)
{
	struct termios mode;

	if (tcgetattr(fd, &mode) < 0)
		return -errno;
	mode.c_oflag &= ~(tcflag_t)ONLCR;
	return tcsetattr(fd, TCSANOW, &mode) < 0 ? -errno : 0;
}

int terminal_raw(int fd, struct termios *ret_saved)
{
	struct termios raw;

	if (tcgetattr(fd, ret_saved) < 0)
		return -errno;
	raw = *ret_saved;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST;
	return tcsetattr(fd, TCSANOW, &raw) < 0 ? -errno : 0;
}

void terminal_restore(int fd, const struct termios *saved)
{
	/* nothing can be done about a terminal that is gone */
	if (tcsetattr(fd, TCSANOW, saved) < 0)
		return;
}
