/* SPDX-License-Identifier: Apache-2.0 */
/* See link_move.h. One socket per namespace; each request is answered before the next. */
#include "linux/link_move.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/fd.h"
#include "base/mem.h"

#define ANSWER_BYTES 32768 /* the kernel fills at most this much at once */

struct request {
	_Alignas(struct nlmsghdr) char bytes[512];
	struct nlmsghdr *header;
};

struct address {
	struct ifaddrmsg header;
	unsigned char local[16], peer[16], broadcast[16];
	uint8_t local_bytes, peer_bytes, broadcast_bytes;
};

struct addresses {
	struct address *items;
	size_t count;
	int index; /* of the device whose they are */
};

static void request_init(struct request *r, uint16_t type, uint16_t flags, const void *body, size_t body_bytes)
{
	memset(r->bytes, 0, sizeof(r->bytes));
	r->header = (struct nlmsghdr *)r->bytes;
	r->header->nlmsg_len = (uint32_t)NLMSG_LENGTH(body_bytes);
	r->header->nlmsg_type = type;
	r->header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	memcpy(NLMSG_DATA(r->header), body, body_bytes);
}

static void put(struct request *r, uint16_t type, const void *value, size_t value_bytes)
{
	size_t at = NLMSG_ALIGN(r->header->nlmsg_len);
	struct rtattr *attribute = (struct rtattr *)(r->bytes + at);

	ASSERT(at + RTA_SPACE(value_bytes) <= sizeof(r->bytes));
	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(value_bytes);
	memcpy(RTA_DATA(attribute), value, value_bytes);
	r->header->nlmsg_len = (uint32_t)(at + RTA_LENGTH(value_bytes));
}

/* Each message of the answer goes to fn; ends at the acknowledgement or the end of a dump. */
static int talk(int sock, struct request *r, int (*fn)(void *arg, struct nlmsghdr *message), void *arg)
{
	_Alignas(struct nlmsghdr) char answer[ANSWER_BYTES];
	ssize_t got;

	if (send(sock, r->bytes, r->header->nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		size_t left;

		got = recv(sock, answer, sizeof(answer), MSG_TRUNC);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || (size_t)got > sizeof(answer))
			return got < 0 ? -errno : -EMSGSIZE;
		left = (size_t)got;
		for (struct nlmsghdr *m = (struct nlmsghdr *)answer; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
			int failed;

			if (m->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)NLMSG_DATA(m))->error;
			if (m->nlmsg_type == NLMSG_DONE)
				return 0;
			failed = fn ? fn(arg, m) : 0;
			if (failed < 0)
				return failed;
		}
	}
}

static int keep_index(void *arg, struct nlmsghdr *message)
{
	if (message->nlmsg_type == RTM_NEWLINK)
		*(int *)arg = ((struct ifinfomsg *)NLMSG_DATA(message))->ifi_index;
	return 0;
}

static int find_link(int sock, const char *name)
{
	struct ifinfomsg body = { 0 };
	struct request r;
	int index = 0, failed;

	request_init(&r, RTM_GETLINK, NLM_F_ACK, &body, sizeof(body));
	put(&r, IFLA_IFNAME, name, strlen(name) + 1);
	failed = talk(sock, &r, keep_index, &index);
	return failed < 0 ? failed : index;
}

static void take_attribute(const struct rtattr *attribute, unsigned char to[16], uint8_t *ret_bytes)
{
	size_t len = RTA_PAYLOAD(attribute);

	if (len > 16)
		return;
	memcpy(to, RTA_DATA(attribute), len);
	*ret_bytes = (uint8_t)len;
}

/* Those that last and reach beyond the link; the kernel makes the others itself. */
static int keep_address(void *arg, struct nlmsghdr *message)
{
	struct ifaddrmsg *body = NLMSG_DATA(message);
	struct addresses *list = arg;
	struct address *a;
	uint32_t flags = body->ifa_flags;
	size_t left = IFA_PAYLOAD(message);

	if (message->nlmsg_type != RTM_NEWADDR || (int)body->ifa_index != list->index ||
	    body->ifa_scope != RT_SCOPE_UNIVERSE)
		return 0;
	if (list->count == LINK_ADDRESSES_MAX)
		return -E2BIG;
	a = &list->items[list->count];
	*a = (struct address){ .header = *body };
	for (struct rtattr *attribute = IFA_RTA(body); RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
		if (attribute->rta_type == IFA_LOCAL)
			take_attribute(attribute, a->local, &a->local_bytes);
		else if (attribute->rta_type == IFA_ADDRESS)
			take_attribute(attribute, a->peer, &a->peer_bytes);
		else if (attribute->rta_type == IFA_BROADCAST)
			take_attribute(attribute, a->broadcast, &a->broadcast_bytes);
		else if (attribute->rta_type == IFA_FLAGS && RTA_PAYLOAD(attribute) == sizeof(flags))
			memcpy(&flags, RTA_DATA(attribute), sizeof(flags));
	}
	if (flags & IFA_F_PERMANENT)
		list->count++;
	return 0;
}

static int read_addresses(int sock, struct addresses *list)
{
	struct ifaddrmsg body = { .ifa_family = AF_UNSPEC };
	struct request r;

	request_init(&r, RTM_GETADDR, NLM_F_DUMP, &body, sizeof(body));
	return talk(sock, &r, keep_address, list);
}

static int add_address(int sock, int index, const struct address *a)
{
	struct ifaddrmsg body = { .ifa_family = a->header.ifa_family,
				  .ifa_prefixlen = a->header.ifa_prefixlen,
				  .ifa_scope = a->header.ifa_scope,
				  .ifa_flags = IFA_F_PERMANENT,
				  .ifa_index = (uint32_t)index };
	struct request r;

	request_init(&r, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, &body, sizeof(body));
	if (a->local_bytes)
		put(&r, IFA_LOCAL, a->local, a->local_bytes);
	if (a->peer_bytes)
		put(&r, IFA_ADDRESS, a->peer, a->peer_bytes);
	if (a->broadcast_bytes)
		put(&r, IFA_BROADCAST, a->broadcast, a->broadcast_bytes);
	return talk(sock, &r, NULL, NULL);
}

static int raise_link(int sock, int index)
{
	struct ifinfomsg body = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct request r;

	request_init(&r, RTM_NEWLINK, NLM_F_ACK, &body, sizeof(body));
	return talk(sock, &r, NULL, NULL);
}

/* The kernel takes it down, moves and renames it in one step. */
static int send_away(int sock, int index, int netns_fd, const char *new_name)
{
	struct ifinfomsg body = { .ifi_index = index };
	uint32_t fd = (uint32_t)netns_fd;
	struct request r;

	request_init(&r, RTM_NEWLINK, NLM_F_ACK, &body, sizeof(body));
	put(&r, IFLA_NET_NS_FD, &fd, sizeof(fd));
	put(&r, IFLA_IFNAME, new_name, strlen(new_name) + 1);
	return talk(sock, &r, NULL, NULL);
}

static int open_socket(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd < 0 ? -errno : fd;
}

static int open_socket_in(int netns_fd)
{
	int fd;

	AUTO_FD own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own < 0 || setns(netns_fd, CLONE_NEWNET) < 0)
		return -errno;
	fd = open_socket();
	/* going on in a container's namespace would be worse than ending */
	ASSERT(setns(own, CLONE_NEWNET) == 0);
	return fd;
}

static int settle(int sock, const char *name, const struct addresses *list)
{
	int index = find_link(sock, name), failed = 0;

	if (index < 0)
		return index;
	for (size_t i = 0; i < list->count && failed == 0; i++)
		failed = add_address(sock, index, &list->items[i]);
	return failed < 0 ? failed : raise_link(sock, index);
}

int link_move(const char *name, int netns_fd, const char *new_name)
{
	struct addresses list = { 0 };
	int failed;

	AUTO_FD here = open_socket();
	AUTO_FD there = here < 0 ? here : open_socket_in(netns_fd);
	if (there < 0)
		return there;
	new_name = new_name ? new_name : name;
	list.index = find_link(here, name);
	if (list.index < 0)
		return list.index;
	/* one that is joined may have the name; the kernel would take another */
	failed = find_link(there, new_name);
	if (failed >= 0)
		return -EEXIST;
	list.items = mem_alloc(LINK_ADDRESSES_MAX * sizeof(*list.items));
	failed = read_addresses(here, &list);
	if (failed == 0)
		failed = send_away(here, list.index, netns_fd, new_name);
	if (failed == 0)
		failed = settle(there, new_name, &list);
	mem_free(list.items);
	return failed;
}
