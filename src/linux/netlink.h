/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links, addresses and routes over rtnetlink (libmnl). A struct netlink is a socket that stays in
 * the network namespace it was opened in, whatever the thread does afterwards. Calls block until
 * the kernel acknowledged; they return 0 or a value
 * >= 0, or -errno. rtnetlink(7).
 */
#ifndef CUBE_LINUX_NETLINK_H
#define CUBE_LINUX_NETLINK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/attr.h"

struct netlink {
	struct mnl_socket *socket; /* NULL when closed */
	uint32_t sequence;
};

/* In the caller's network namespace, or in the one netns_fd refers to when it is >= 0 (the calling
 * thread goes there and back; a thread that cannot come back aborts). */
int netlink_open(struct netlink *nl, int netns_fd) MUST_CHECK;
void netlink_close(struct netlink *nl);

int netlink_link_index(struct netlink *nl,
		       const char *name) MUST_CHECK; /* -ENODEV when there is none */
int netlink_bridge_add(struct netlink *nl, const char *name, const uint8_t mac[6],
		       uint32_t mtu) MUST_CHECK;

struct netlink_veth {
	const char *name; /* host side: up at once and a port of master_index when that is > 0 */
	const char *peer_name; /* inside peer_netns_fd, down */
	int peer_netns_fd;
	const uint8_t *peer_mac; /* 6 bytes, or NULL for a random one */
	int master_index;
	uint32_t mtu; /* 0 = kernel's default */
};
int netlink_veth_add(struct netlink *nl, const struct netlink_veth *veth) MUST_CHECK;
/* Lets the bridge send a frame back through the port it came from: an endpoint that reaches itself
 * through its service needs that where bridged frames pass the IP hooks (br_netfilter). */
int netlink_port_hairpin(struct netlink *nl, int index) MUST_CHECK;
int netlink_link_up(struct netlink *nl, int index) MUST_CHECK;
int netlink_link_delete(struct netlink *nl,
			const char *name) MUST_CHECK; /* -ENODEV when there is none */
/* -EEXIST when it is there already. */
int netlink_address_add(struct netlink *nl, int index, struct in_addr address,
			uint8_t prefix_len) MUST_CHECK;

struct netlink_route {
	struct in_addr destination;
	uint8_t prefix_len;	/* 0 = default route */
	struct in_addr gateway; /* 0.0.0.0 = on link */
	struct in_addr source;	/* preferred source, 0.0.0.0 = the kernel's choice */
	int index;
};
/* Adds or replaces. */
int netlink_route_set(struct netlink *nl, const struct netlink_route *route) MUST_CHECK;

#endif
