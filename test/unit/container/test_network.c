/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bridge network against the real kernel, in a network namespace that the test makes for
 * itself. Needs root; without it every test is skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "container/network.h"
#include "linux/netlink.h"
#include "loop/loop.h"

struct fixture {
	struct loop *loop;
	struct network *network;
	char dir[64];
	unsigned int done, failed;
	enum err_code last;
};

/* Once for the process: a namespace of its own, with /proc/sys of that namespace. */
static int enter_namespace(void **state)
{
	if (geteuid() != 0)
		return 0;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	return 0;
}

static struct network_options options(struct fixture *f, uint8_t prefix_len)
{
	struct network_options o = { .env = loop_env(f->loop),
				     .bridge = "cubetest0",
				     .prefix_len = prefix_len,
				     .routed_prefix_len = 12,
				     .lease_dir = f->dir };

	o.subnet.s_addr = htonl(0x0af40000); /* 10.244.0.0 */
	o.routed.s_addr = htonl(0x0a600000); /* 10.96.0.0 */
	return o;
}

static struct fixture *begin(uint8_t prefix_len)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct network_options o;
	struct err err = { 0 };

	assert_non_null(f);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/cube-network.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->loop = loop_new();
	o = options(f, prefix_len);
	if (network_open(&o, &f->network, &err) < 0)
		fail_msg("%s", err.msg);
	return f;
}

static void end(struct fixture *f)
{
	struct netlink nl;
	struct err err = { 0 };

	network_close(f->network);
	loop_free(f->loop);
	assert_int_equal(netlink_open(&nl, -1), 0);
	assert_int_equal(netlink_link_delete(&nl, "cubetest0"), 0);
	netlink_close(&nl);
	assert_int_equal(fd_remove_tree(AT_FDCWD, f->dir, &err), 0);
	free(f);
}

static void note(struct fixture *f, const struct err *err)
{
	f->done++;
	f->failed += err != NULL;
	f->last = err ? err->code : ERR_NONE;
	loop_stop(f->loop);
}

static void on_attached(struct network_attach *attach, const struct err *err)
{
	note(attach->owner, err);
}

static void on_detached(struct network_detach *detach, const struct err *err)
{
	note(detach->owner, err);
}

/* A network namespace without a process: this thread makes it, opens it and goes back. */
static int new_namespace(void)
{
	int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), fd;

	assert_true(own >= 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(setns(own, CLONE_NEWNET), 0);
	(void)close(own);
	return fd;
}

static enum err_code attach(struct fixture *f, const char *id, int netns_fd,
			    struct in_addr *ret_address)
{
	struct network_attach attach = {
		.id = id, .netns_fd = netns_fd, .done = on_attached, .owner = f
	};

	network_attach(f->network, &attach);
	loop_run(f->loop);
	*ret_address = attach.address;
	return f->last;
}

static enum err_code detach(struct fixture *f, const char *id)
{
	struct network_detach detach = { .id = id, .done = on_detached, .owner = f };

	network_detach(f->network, &detach);
	loop_run(f->loop);
	return f->last;
}

/* A TCP socket made inside the namespace; the thread comes back. */
static int socket_in(int netns_fd)
{
	int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), fd;

	assert_int_equal(setns(netns_fd, CLONE_NEWNET), 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setns(own, CLONE_NEWNET), 0);
	(void)close(own);
	assert_true(fd >= 0);
	return fd;
}

static bool reaches(int from_netns, int to_netns, struct in_addr to)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(8080),
				       .sin_addr = to };
	int server = socket_in(to_netns), client = socket_in(from_netns), one = 1, r;
	struct timeval wait = { .tv_sec = 3 };

	(void)setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	(void)setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server, 1), 0);
	r = connect(client, (struct sockaddr *)&address, sizeof(address));
	(void)close(client);
	(void)close(server);
	return r == 0;
}

static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

/* Would break: two pods of one node could not reach each other, or the host could not reach a pod.
 */
static void test_pods_reach_each_other(void **state)
{
	struct fixture *f;
	struct in_addr a, b;
	int own, netns_a, netns_b;

	need_root();
	f = begin(24);
	own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	netns_a = new_namespace();
	netns_b = new_namespace();
	assert_int_equal(attach(f, "pod-a", netns_a, &a), ERR_NONE);
	assert_int_equal(attach(f, "pod-b", netns_b, &b), ERR_NONE);
	assert_int_not_equal(a.s_addr, b.s_addr);
	assert_true(reaches(netns_a, netns_b, b));
	assert_true(reaches(netns_b, netns_a, a));
	assert_true(reaches(own, netns_a, a));
	assert_int_equal(detach(f, "pod-a"), ERR_NONE);
	assert_int_equal(detach(f, "pod-b"), ERR_NONE);
	(void)close(netns_a);
	(void)close(netns_b);
	(void)close(own);
	end(f);
}

/* Would break: an address would be given twice, or never again; or running out of them would not be
 * told. */
static void test_addresses(void **state)
{
	static const char *const ids[] = { "p0", "p1", "p2", "p3", "p4", "p5" };
	struct fixture *f;
	struct in_addr seen[5], again;
	int netns[6];

	need_root();
	f = begin(29); /* five addresses besides the bridge's own */
	for (size_t i = 0; i < 6; i++)
		netns[i] = new_namespace();
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(attach(f, ids[i], netns[i], &seen[i]), ERR_NONE);
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(seen[i].s_addr, seen[k].s_addr);
	}
	assert_int_equal(attach(f, ids[5], netns[5], &again), ERR_NO_SPACE);
	assert_int_equal(attach(f, ids[0], netns[5], &again), ERR_EXISTS);
	assert_int_equal(detach(f, ids[2]), ERR_NONE);
	assert_false(network_address(f->network, ids[2], &again));
	assert_int_equal(attach(f, ids[5], netns[5], &again), ERR_NONE);
	assert_int_equal(again.s_addr, seen[2].s_addr);
	assert_int_equal(detach(f, "unknown"), ERR_NONE);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(detach(f, ids[i]), ERR_NONE);
		(void)close(netns[i]);
	}
	end(f);
}

static bool keep_first(void *arg, const char *id)
{
	return strcmp(id, "first") == 0;
}

/* Would break: a restarted daemon would give a running pod's address to another one. */
static void test_restart_keeps_leases(void **state)
{
	struct fixture *f;
	struct network_options o;
	struct in_addr first, second, found;
	struct err err = { 0 };
	int netns;

	need_root();
	f = begin(24);
	netns = new_namespace();
	assert_int_equal(attach(f, "first", netns, &first), ERR_NONE);
	(void)close(netns);
	netns = new_namespace();
	assert_int_equal(attach(f, "second", netns, &second), ERR_NONE);
	(void)close(netns);
	network_close(f->network);
	o = options(f, 24);
	assert_int_equal(network_open(&o, &f->network, &err), 0);
	assert_true(network_address(f->network, "first", &found));
	assert_int_equal(found.s_addr, first.s_addr);
	network_forget_others(f->network, keep_first, NULL);
	assert_true(network_address(f->network, "first", &found));
	assert_false(network_address(f->network, "second", &found));
	assert_int_equal(detach(f, "first"), ERR_NONE);
	end(f);
}

/* Would break: a failure would leave a link or keep the address. */
static void test_failure_leaves_nothing(void **state)
{
	struct fixture *f;
	struct in_addr address;
	int not_a_namespace;

	need_root();
	f = begin(24);
	not_a_namespace = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_not_equal(attach(f, "broken", not_a_namespace, &address), ERR_NONE);
	assert_false(network_address(f->network, "broken", &address));
	(void)close(not_a_namespace);
	end(f);
}

/* A machine is left as a router when it was none before; links of sandboxes stay behind. */
static void test_remove(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct network_options o;
	struct in_addr address;
	char record[80], now[4] = "";
	struct netlink nl;
	struct err err = { 0 };
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(f);
	assert_int_equal(fd_write_file(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", STR("0"), &err),
			 0);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/cube-network.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(record, sizeof(record), "%s/ip_forward", f->dir);
	f->loop = loop_new();
	o = options(f, 24);
	o.forwarding_record = record;
	for (int round = 0; round < 2; round++) { /* the second start finds it on, by the first */
		assert_int_equal(network_open(&o, &f->network, &err), 0);
		if (round == 0)
			network_close(f->network);
	}
	fd = new_namespace();
	assert_int_equal(attach(f, "one", fd, &address), ERR_NONE);
	network_close(f->network);
	assert_int_equal(network_remove(&o, &err), 0);
	assert_int_equal(netlink_open(&nl, -1), 0);
	assert_int_equal(netlink_link_index(&nl, "cubetest0"), -ENODEV);
	netlink_close(&nl);
	assert_int_equal(netlink_open(&nl, fd), 0);
	assert_int_equal(netlink_link_index(&nl, "eth0"), -ENODEV);
	netlink_close(&nl);
	(void)close(fd);
	fd = open("/proc/sys/net/ipv4/ip_forward", O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, now, 3), 2);
	assert_string_equal(now, "0\n");
	(void)close(fd);
	assert_int_equal(network_remove(&o, &err), 0); /* nothing is left: no failure */
	loop_free(f->loop);
	assert_int_equal(fd_remove_tree(AT_FDCWD, f->dir, &err), 0);
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pods_reach_each_other),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_restart_keeps_leases),
		cmocka_unit_test(test_failure_leaves_nothing),
		cmocka_unit_test(test_remove),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
