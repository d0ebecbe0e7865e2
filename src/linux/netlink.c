/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink requests, one message and one acknowledgement each. Every request is built by a small
 * static function and sent by talk(); no state but the socket's sequence number.
 */
#include "linux/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/fd.h"

#define REQUEST_BYTES 1024

struct request {
	_Alignas(struct nlmsghdr) char bytes[REQUEST_BYTES];
	struct nlmsghdr *header;
};

static int open_here(struct netlink *nl)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int r;

	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		r = -errno;
		mnl_socket_close(socket);
		return r;
	}
	nl->socket = socket;
	nl->sequence = 0;
	return 0;
}

int netlink_open(struct netlink *nl, int netns_fd)
{
	AUTO_FD own_fd = -1;
	int r;

	nl->socket = NULL;
	if (netns_fd < 0)
		return open_here(nl);
	own_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own_fd < 0)
		return -errno;
	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return -errno;
	r = open_here(nl);
	/* Going on in a container's namespace would be worse than ending. */
	ASSERT(setns(own_fd, CLONE_NEWNET) == 0);
	return r;
}

void netlink_close(struct netlink *nl)
{
	if (nl->socket)
		(void)mnl_socket_close(nl->socket); /* nothing to do about a failed close */
	nl->socket = NULL;
}

static void request_init(struct request *request, uint16_t type, uint16_t flags)
{
	request->header = mnl_nlmsg_put_header(request->bytes);
	request->header->nlmsg_type = type;
	request->header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
}

/* Interface names come from our own code; one that does not fit is a bug there. */
static void put_name(struct request *request, uint16_t type, const char *name)
{
	ASSERT(strlen(name) < IFNAMSIZ);
	mnl_attr_put_strz(request->header, type, name);
}

static int keep_link_index(const struct nlmsghdr *header, void *arg)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(header);

	if (header->nlmsg_type == RTM_NEWLINK)
		*(int *)arg = link->ifi_index;
	return MNL_CB_OK;
}

/* Sends the request and waits for its answer; link replies put their index into *ret_index when
 * that is given. */
static int talk(struct netlink *nl, struct request *request, int *ret_index)
{
	_Alignas(struct nlmsghdr) char answer[8192];
	unsigned int port = mnl_socket_get_portid(nl->socket);
	int r;

	request->header->nlmsg_seq = ++nl->sequence;
	if (mnl_socket_sendto(nl->socket, request->header, request->header->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t n = mnl_socket_recvfrom(nl->socket, answer, sizeof(answer));

		if (n < 0 && errno == EINTR) {
			r = MNL_CB_OK;
			continue;
		}
		if (n < 0)
			return -errno;
		r = mnl_cb_run(answer, (size_t)n, nl->sequence, port,
			       ret_index ? keep_link_index : NULL, ret_index);
		if (r < 0)
			return -errno;
		/* A link that was asked for comes without an acknowledgement behind it. */
		if (ret_index && *ret_index > 0)
			return 0;
	} while (r != MNL_CB_STOP);
	return 0;
}

static struct ifinfomsg *put_link(struct request *request)
{
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(request->header, sizeof(*link));

	link->ifi_family = AF_UNSPEC;
	return link;
}

int netlink_link_index(struct netlink *nl, const char *name)
{
	struct request request;
	int index = 0;
	int r;

	request_init(&request, RTM_GETLINK, 0);
	(void)put_link(&request); /* only the family is needed */
	put_name(&request, IFLA_IFNAME, name);
	r = talk(nl, &request, &index);
	return r < 0 ? r : index;
}

int netlink_bridge_add(struct netlink *nl, const char *name, const uint8_t mac[6], uint32_t mtu)
{
	struct request request;
	struct ifinfomsg *link;
	struct nlattr *nest;

	request_init(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
	link = put_link(&request);
	link->ifi_flags = IFF_UP;
	link->ifi_change = IFF_UP;
	put_name(&request, IFLA_IFNAME, name);
	mnl_attr_put(request.header, IFLA_ADDRESS, 6, mac);
	if (mtu)
		mnl_attr_put_u32(request.header, IFLA_MTU, mtu);
	nest = mnl_attr_nest_start(request.header, IFLA_LINKINFO);
	mnl_attr_put_strz(request.header, IFLA_INFO_KIND, "bridge");
	mnl_attr_nest_end(request.header, nest);
	return talk(nl, &request, NULL);
}

int netlink_veth_add(struct netlink *nl, const struct netlink_veth *veth)
{
	struct request request;
	struct ifinfomsg *link;
	struct nlattr *nest, *nest_data, *nest_peer;

	request_init(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
	link = put_link(&request);
	link->ifi_flags = IFF_UP;
	link->ifi_change = IFF_UP;
	put_name(&request, IFLA_IFNAME, veth->name);
	if (veth->mtu)
		mnl_attr_put_u32(request.header, IFLA_MTU, veth->mtu);
	if (veth->master_index > 0)
		mnl_attr_put_u32(request.header, IFLA_MASTER, (uint32_t)veth->master_index);
	nest = mnl_attr_nest_start(request.header, IFLA_LINKINFO);
	mnl_attr_put_strz(request.header, IFLA_INFO_KIND, "veth");
	nest_data = mnl_attr_nest_start(request.header, IFLA_INFO_DATA);
	nest_peer = mnl_attr_nest_start(request.header, VETH_INFO_PEER);
	(void)put_link(&request); /* the peer's own header, all zero: down */
	put_name(&request, IFLA_IFNAME, veth->peer_name);
	mnl_attr_put_u32(request.header, IFLA_NET_NS_FD, (uint32_t)veth->peer_netns_fd);
	if (veth->mtu)
		mnl_attr_put_u32(request.header, IFLA_MTU, veth->mtu);
	if (veth->peer_mac)
		mnl_attr_put(request.header, IFLA_ADDRESS, 6, veth->peer_mac);
	mnl_attr_nest_end(request.header, nest_peer);
	mnl_attr_nest_end(request.header, nest_data);
	mnl_attr_nest_end(request.header, nest);
	return talk(nl, &request, NULL);
}

int netlink_port_hairpin(struct netlink *nl, int index)
{
	struct request request;
	struct ifinfomsg *link;
	struct nlattr *nest;

	request_init(&request, RTM_SETLINK, NLM_F_ACK);
	link = put_link(&request);
	link->ifi_family = AF_BRIDGE;
	link->ifi_index = index;
	nest = mnl_attr_nest_start(request.header, IFLA_PROTINFO);
	mnl_attr_put_u8(request.header, IFLA_BRPORT_MODE, 1);
	mnl_attr_nest_end(request.header, nest);
	nest->nla_type |= NLA_F_NESTED;
	return talk(nl, &request, NULL);
}

int netlink_link_up(struct netlink *nl, int index)
{
	struct request request;
	struct ifinfomsg *link;

	request_init(&request, RTM_NEWLINK, NLM_F_ACK);
	link = put_link(&request);
	link->ifi_index = index;
	link->ifi_flags = IFF_UP;
	link->ifi_change = IFF_UP;
	return talk(nl, &request, NULL);
}

int netlink_link_delete(struct netlink *nl, const char *name)
{
	struct request request;

	request_init(&request, RTM_DELLINK, NLM_F_ACK);
	(void)put_link(&request); /* found by its name */
	put_name(&request, IFLA_IFNAME, name);
	return talk(nl, &request, NULL);
}

int netlink_address_add(struct netlink *nl, int index, struct in_addr address, uint8_t prefix_len)
{
	struct request request;
	struct ifaddrmsg *message;

	request_init(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
	message = mnl_nlmsg_put_extra_header(request.header, sizeof(*message));
	message->ifa_family = AF_INET;
	message->ifa_prefixlen = prefix_len;
	message->ifa_index = (uint32_t)index;
	mnl_attr_put_u32(request.header, IFA_LOCAL, address.s_addr);
	mnl_attr_put_u32(request.header, IFA_ADDRESS, address.s_addr);
	return talk(nl, &request, NULL);
}

int netlink_route_set(struct netlink *nl, const struct netlink_route *route)
{
	struct request request;
	struct rtmsg *message;

	request_init(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK);
	message = mnl_nlmsg_put_extra_header(request.header, sizeof(*message));
	message->rtm_family = AF_INET;
	message->rtm_dst_len = route->prefix_len;
	message->rtm_table = RT_TABLE_MAIN;
	message->rtm_protocol = RTPROT_STATIC;
	message->rtm_scope = route->gateway.s_addr ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	message->rtm_type = RTN_UNICAST;
	if (route->prefix_len)
		mnl_attr_put_u32(request.header, RTA_DST, route->destination.s_addr);
	if (route->gateway.s_addr)
		mnl_attr_put_u32(request.header, RTA_GATEWAY, route->gateway.s_addr);
	if (route->source.s_addr)
		mnl_attr_put_u32(request.header, RTA_PREFSRC, route->source.s_addr);
	mnl_attr_put_u32(request.header, RTA_OIF, (uint32_t)route->index);
	return talk(nl, &request, NULL);
}
