/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when a command waits without bound for a container that somebody else never gets done making. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/fd.h"
#include "runtime/container.h"

static void waits_for_a_lock_for_a_while(void **state)
{
	char dir[] = "/tmp/cube-lock-XXXXXX";
	struct container c;
	struct err err;
	AUTO_FD maker = -1;
	AUTO_FD own = -1;

	assert_non_null(mkdtemp(dir));
	maker = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	container_blank(&c);
	c.id = "c";
	c.dir_fd = own;
	assert_int_equal(flock(maker, LOCK_EX), 0);
	assert_int_equal(container_lock_within(&c, 20, &err), -1);
	assert_int_equal(err.code, ERR_TIMEOUT);
	assert_string_equal(err.msg, "container \"c\" is still being created");
	assert_int_equal(flock(maker, LOCK_UN), 0);
	assert_int_equal(container_lock_within(&c, 20, &err), 0);
	assert_int_equal(flock(maker, LOCK_EX | LOCK_NB), -1);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_for_a_lock_for_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
