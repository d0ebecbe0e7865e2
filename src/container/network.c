/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which address a sandbox has is decided on the loop, in memory (taken[] and by_id); files and
 * links follow on a worker. A lease counts as taken from before its file exists until after its
 * link is gone, so that no address is ever given twice.
 */
#include "container/network.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/fd.h"
#include "base/map.h"
#include "base/mem.h"
#include "linux/netlink.h"

#define VETH_NAME_BYTES 16
#define MTU_DEFAULT 1500

struct lease {
	uint32_t index; /* of the address in the subnet */
	char id[];
};

struct network {
	struct env *env;
	char bridge[16];
	int bridge_index;
	int lease_dir_fd;
	uint32_t base; /* subnet's network address, host byte order */
	uint8_t prefix_len;
	uint32_t size;	 /* addresses in the subnet, with network and broadcast */
	uint32_t cursor; /* where the search for a free one goes on: addresses are reused late */
	uint32_t mtu;
	uint8_t *taken;	  /* one bit an address */
	struct map by_id; /* id -> struct lease */
};

static bool is_taken(const struct network *n, uint32_t index)
{
	return n->taken[index / 8] & (1U << (index % 8));
}

static void set_taken(struct network *n, uint32_t index, bool taken)
{
	if (taken)
		n->taken[index / 8] |= (uint8_t)(1U << (index % 8));
	else
		n->taken[index / 8] &= (uint8_t) ~(1U << (index % 8));
}

static struct in_addr address_of(const struct network *n, uint32_t index)
{
	return (struct in_addr){ .s_addr = htonl(n->base + index) };
}

/* The bridge's own address is the first of the subnet. */
static struct in_addr network_gateway(const struct network *n)
{
	return address_of(n, 1);
}

static void veth_name(const char *id, char to[VETH_NAME_BYTES])
{
	(void)snprintf(to, VETH_NAME_BYTES, "veth%011llx",
		       (unsigned long long)(str_hash(str_from(id)) & 0xfffffffffffULL));
}

/* Locally administered, derived from the address: stable over restarts and unique where the address
 * is. */
static void mac_of(struct in_addr address, uint8_t to[6])
{
	to[0] = 0x0a;
	to[1] = 0x58;
	memcpy(to + 2, &address.s_addr, 4);
}

static void lease_file(struct in_addr address, char to[INET_ADDRSTRLEN])
{
	ASSERT(inet_ntop(AF_INET, &address, to, INET_ADDRSTRLEN));
}

static struct lease *lease_add(struct network *n, struct str id, uint32_t index)
{
	struct lease *lease = mem_alloc(sizeof(*lease) + id.len + 1);

	lease->index = index;
	memcpy(lease->id, id.ptr, id.len);
	lease->id[id.len] = '\0';
	ASSERT(!map_put(&n->by_id, id, lease));
	set_taken(n, index, true);
	return lease;
}

static void lease_drop(struct network *n, const char *id)
{
	struct lease *lease = map_remove(&n->by_id, str_from(id));

	if (!lease)
		return;
	set_taken(n, lease->index, false);
	mem_free(lease);
}

/* --- start-up --- */

#define FORWARDING "/proc/sys/net/ipv4/ip_forward"

static int set_sysctl(const char *path, const char *value, struct err *err)
{
	AUTO_BUF now = { 0 };

	buf_init(&now, 64);
	if (fd_read_file(AT_FDCWD, path, 64, &now, err) < 0)
		return -1;
	if (str_eq(str_trim(buf_str(&now)), str_from(value)))
		return 0; /* also where /proc/sys is read-only but right */
	return fd_write_file(AT_FDCWD, path, str_from(value), err);
}

/* Written before the change, so that no crash loses it; a record that is there is older and right.
 */
static int record_forwarding(const char *record, struct err *err)
{
	AUTO_BUF now = { 0 };

	buf_init(&now, 64);
	if (access(record, F_OK) == 0)
		return 0;
	if (fd_read_file(AT_FDCWD, FORWARDING, 64, &now, err) < 0)
		return -1;
	if (str_eq_c(str_trim(buf_str(&now)), "1"))
		return 0;
	return fd_replace_file(AT_FDCWD, record, buf_str(&now), 0600, false, err);
}

static int restore_forwarding(const char *record, struct err *err)
{
	AUTO_BUF before = { 0 };

	buf_init(&before, 64);
	if (access(record, F_OK) < 0)
		return 0; /* it was on before */
	if (fd_read_file(AT_FDCWD, record, 64, &before, err) < 0)
		return -1;
	if (str_eq_c(str_trim(buf_str(&before)), "0") && set_sysctl(FORWARDING, "0", err) < 0)
		return -1;
	return unlink(record) < 0 ? err_os(err, "remove %s", record) : 0;
}

/* Redirects would tell sandboxes to talk to each other past the packet filter; route_localnet lets
 * node ports answer on 127.0.0.1 (proxy/ drops what comes from the bridge for 127.0.0.0/8). */
static int set_forwarding(const struct network *n, const char *record, struct err *err)
{
	static const struct {
		const char *name, *value;
	} per_link[] = { { "send_redirects", "0" },
			 { "route_localnet", "1" },
			 { "rp_filter", "0" } };
	char path[96];

	if ((record && record_forwarding(record, err) < 0) || set_sysctl(FORWARDING, "1", err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_COUNT(per_link); i++) {
		(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", n->bridge,
			       per_link[i].name);
		if (set_sysctl(path, per_link[i].value, err) < 0)
			return -1;
	}
	return 0;
}

static int open_bridge(struct network *n, const struct network_options *options, struct netlink *nl,
		       struct err *err)
{
	struct in_addr gateway = network_gateway(n);
	struct netlink_route routed = { .destination = options->routed,
					.prefix_len = options->routed_prefix_len,
					.source = gateway };
	uint8_t mac[6];
	int r;

	mac_of(gateway, mac);
	r = netlink_bridge_add(nl, n->bridge, mac, n->mtu);
	if (r < 0 && r != -EEXIST)
		return err_neg(err, r, "make bridge %s", n->bridge);
	r = netlink_link_index(nl, n->bridge);
	if (r < 0)
		return err_neg(err, r, "find bridge %s", n->bridge);
	n->bridge_index = r;
	r = netlink_address_add(nl, n->bridge_index, gateway, n->prefix_len);
	if (r < 0 && r != -EEXIST)
		return err_neg(err, r, "give bridge %s its address", n->bridge);
	r = netlink_link_up(nl, n->bridge_index);
	if (r < 0)
		return err_neg(err, r, "set bridge %s up", n->bridge);
	if (!options->routed_prefix_len)
		return 0;
	/* Without a route the host could not even try to reach a service address before it is
	 * translated. */
	routed.index = n->bridge_index;
	r = netlink_route_set(nl, &routed);
	return r < 0 ? err_neg(err, r, "route services to bridge %s", n->bridge) : 0;
}

static int read_lease(struct network *n, const char *name, struct err *err)
{
	AUTO_BUF id = { 0 };
	struct in_addr address;
	uint32_t index;

	if (inet_pton(AF_INET, name, &address) != 1)
		return 0; /* a half-written file of fd_replace_file, say */
	index = ntohl(address.s_addr) - n->base;
	if (index < 2 || index >= n->size - 1)
		return 0; /* of another subnet, before the flag was changed */
	buf_init(&id, NETWORK_ID_MAX);
	if (fd_read_file(n->lease_dir_fd, name, NETWORK_ID_MAX, &id, err) < 0)
		return err_wrap(err, "lease %s", name);
	if (id.len == 0 || map_get(&n->by_id, buf_str(&id))) {
		/* Empty: the machine died while it was written, nobody uses it. */
		return fd_remove_tree(n->lease_dir_fd, name, err);
	}
	(void)lease_add(n, buf_str(&id), index); /* in the map now */
	return 0;
}

static int read_leases(struct network *n, struct err *err)
{
	int fd = openat(n->lease_dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int r = 0;

	if (!dir) {
		fd_close(&fd);
		return err_os(err, "read leases");
	}
	while (r == 0 && (entry = readdir(dir)))
		r = read_lease(n, entry->d_name, err);
	(void)closedir(dir); /* was only read */
	return r;
}

static int network_start(struct network *n, const struct network_options *options, struct err *err)
{
	struct netlink nl;
	int r;

	if (fd_make_dirs(AT_FDCWD, options->lease_dir, 0700, err) < 0)
		return -1;
	n->lease_dir_fd = open(options->lease_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (n->lease_dir_fd < 0)
		return err_os(err, "open %s", options->lease_dir);
	r = netlink_open(&nl, -1);
	if (r < 0)
		return err_neg(err, r, "open a netlink socket");
	r = open_bridge(n, options, &nl, err);
	netlink_close(&nl);
	if (r < 0 || set_forwarding(n, options->forwarding_record, err) < 0)
		return -1;
	return read_leases(n, err);
}

int network_open(const struct network_options *options, struct network **ret, struct err *err)
{
	struct network *n;

	if (options->prefix_len < 8 || options->prefix_len > 30)
		return err_set(err, ERR_INVALID,
			       "network of bridge %s: prefix length %u is not within 8 and 30",
			       options->bridge, options->prefix_len);
	n = NEW(struct network);
	n->env = options->env;
	n->lease_dir_fd = -1;
	n->prefix_len = options->prefix_len;
	n->size = UINT32_C(1) << (32 - options->prefix_len);
	n->base = ntohl(options->subnet.s_addr) & ~(n->size - 1);
	n->cursor = 2;
	n->mtu = options->mtu ? options->mtu : MTU_DEFAULT;
	n->taken = mem_zalloc(n->size / 8 + 1);
	map_init(&n->by_id);
	if (str_copy_to(str_from(options->bridge), n->bridge, sizeof(n->bridge)) < 0) {
		network_close(n);
		return err_set(err, ERR_INVALID, "bridge name '%s' is longer than 15 bytes",
			       options->bridge);
	}
	if (network_start(n, options, err) < 0) {
		network_close(n);
		return err_wrap(err, "network of bridge %s", options->bridge);
	}
	*ret = n;
	return 0;
}

void network_close(struct network *n)
{
	if (!n)
		return;
	map_deinit_values(&n->by_id);
	fd_close(&n->lease_dir_fd);
	mem_free(n->taken);
	mem_free(n);
}

/* --- attach --- */

static bool take_address(struct network *n, uint32_t *ret_index)
{
	uint32_t usable = n->size - 3; /* without network, bridge and broadcast address */

	for (uint32_t i = 0; i < usable; i++) {
		uint32_t index = 2 + (n->cursor - 2 + i) % usable;

		if (is_taken(n, index))
			continue;
		n->cursor = 2 + (index - 2 + 1) % usable;
		*ret_index = index;
		return true;
	}
	return false;
}

static int write_lease(struct network *n, struct in_addr address, const char *id, struct err *err)
{
	char name[INET_ADDRSTRLEN];
	AUTO_FD fd = -1;

	lease_file(address, name);
	fd = openat(n->lease_dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_os(err, "write lease %s", name);
	return fd_write_all(fd, id, strlen(id), err);
}

/* Inside the sandbox: lo and eth0 up, the address, and everything by way of the bridge's address.
 */
static int set_up_inside(const struct network_attach *attach, struct netlink *nl)
{
	struct netlink_route to_gateway = { .destination = attach->gateway, .prefix_len = 32 };
	struct netlink_route otherwise = { .gateway = attach->gateway };
	int lo = netlink_link_index(nl, "lo");
	int index = netlink_link_index(nl, "eth0");
	int r;

	if (lo < 0 || index < 0)
		return lo < 0 ? lo : index;
	to_gateway.index = index;
	otherwise.index = index;
	r = netlink_link_up(nl, lo);
	if (r == 0)
		r = netlink_address_add(nl, index, attach->address, 32);
	if (r == 0)
		r = netlink_link_up(nl, index);
	if (r == 0)
		r = netlink_route_set(nl, &to_gateway);
	if (r == 0)
		r = netlink_route_set(nl, &otherwise);
	return r;
}

static int make_pair(const struct network_attach *attach, const char *name)
{
	struct netlink_veth veth = { .name = name,
				     .peer_name = "eth0",
				     .peer_netns_fd = attach->netns_fd,
				     .master_index = attach->network->bridge_index,
				     .mtu = attach->network->mtu };
	struct netlink nl;
	uint8_t mac[6];
	int r = netlink_open(&nl, -1);

	if (r < 0)
		return r;
	mac_of(attach->address, mac);
	veth.peer_mac = mac;
	r = netlink_veth_add(&nl, &veth);
	if (r == -EEXIST) { /* left by a daemon that died half-way through */
		r = netlink_link_delete(&nl, name);
		if (r == 0)
			r = netlink_veth_add(&nl, &veth);
	}
	if (r == 0)
		r = netlink_link_index(&nl, name);
	if (r > 0)
		r = netlink_port_hairpin(&nl, r);
	netlink_close(&nl);
	return r;
}

/* With a veth goes its peer. One that is gone already is no failure. */
static int delete_link(const char *name)
{
	struct netlink nl;
	int r = netlink_open(&nl, -1);

	if (r < 0)
		return r;
	r = netlink_link_delete(&nl, name);
	netlink_close(&nl);
	return r == -ENODEV ? 0 : r;
}

static int attach_blocking(struct network_attach *attach, struct err *err)
{
	char name[VETH_NAME_BYTES];
	struct netlink nl;
	int r;

	if (write_lease(attach->network, attach->address, attach->id, err) < 0)
		return -1;
	veth_name(attach->id, name);
	r = make_pair(attach, name);
	if (r < 0) {
		(void)delete_link(name); /* the error before it is the one to tell */
		return err_neg(err, r, "make link %s", name);
	}
	r = netlink_open(&nl, attach->netns_fd);
	if (r == 0) {
		r = set_up_inside(attach, &nl);
		netlink_close(&nl);
	}
	if (r < 0) {
		(void)delete_link(name); /* the error before it is the one to tell */
		return err_neg(err, r, "set eth0 up");
	}
	return 0;
}

static void remove_lease_file(struct network *n, struct in_addr address)
{
	char name[INET_ADDRSTRLEN];

	lease_file(address, name);
	(void)unlinkat(n->lease_dir_fd, name,
		       0); /* one that stays is taken back by network_forget_others() */
}

static void attach_run(struct work *work)
{
	struct network_attach *attach = CONTAINER_OF(work, struct network_attach, work);

	attach->err.code = ERR_NONE;
	if (attach_blocking(attach, &attach->err) < 0)
		remove_lease_file(attach->network, attach->address);
}

static void attach_done(struct work *work)
{
	struct network_attach *attach = CONTAINER_OF(work, struct network_attach, work);

	if (attach->err.code == ERR_NONE) {
		attach->done(attach, NULL);
		return;
	}
	lease_drop(attach->network, attach->id);
	(void)err_wrap(&attach->err, "network of sandbox %s", attach->id);
	attach->done(attach, &attach->err);
}

static void nothing_to_run(struct work *work) {}

static void attach_refused(struct work *work)
{
	struct network_attach *attach = CONTAINER_OF(work, struct network_attach, work);

	attach->done(attach, &attach->err);
}

void network_attach(struct network *n, struct network_attach *attach)
{
	struct str id = str_from(attach->id);
	uint32_t index;

	attach->network = n;
	attach->work = (struct work){ .run = nothing_to_run, .done = attach_refused };
	if (id.len == 0 || id.len > NETWORK_ID_MAX || map_get(&n->by_id, id)) {
		(void)err_set(&attach->err, ERR_EXISTS, "sandbox '%s' has a network already",
			      attach->id);
	} else if (!take_address(n, &index)) {
		(void)err_set(&attach->err, ERR_NO_SPACE,
			      "all %u addresses of bridge %s are in use", n->size - 3, n->bridge);
	} else {
		(void)lease_add(n, id, index); /* in the map now */
		attach->address = address_of(n, index);
		attach->prefix_len = n->prefix_len;
		attach->gateway = network_gateway(n);
		attach->work = (struct work){ .run = attach_run, .done = attach_done };
	}
	env_work(n->env, &attach->work);
}

/* --- detach --- */

static void detach_run(struct work *work)
{
	struct network_detach *detach = CONTAINER_OF(work, struct network_detach, work);
	char name[VETH_NAME_BYTES];
	int r;

	veth_name(detach->id, name);
	r = delete_link(name);
	detach->err.code = ERR_NONE;
	if (r < 0)
		(void)err_neg(&detach->err, r, "network of sandbox %s: delete link %s", detach->id,
			      name);
	else if (detach->address.s_addr)
		remove_lease_file(detach->network, detach->address);
}

static void detach_done(struct work *work)
{
	struct network_detach *detach = CONTAINER_OF(work, struct network_detach, work);

	if (detach->err.code != ERR_NONE) {
		detach->done(detach, &detach->err);
		return;
	}
	lease_drop(detach->network, detach->id);
	detach->done(detach, NULL);
}

void network_detach(struct network *n, struct network_detach *detach)
{
	detach->network = n;
	if (!network_address(n, detach->id, &detach->address))
		detach->address.s_addr = 0;
	detach->work = (struct work){ .run = detach_run, .done = detach_done };
	env_work(n->env, &detach->work);
}

bool network_address(const struct network *n, const char *id, struct in_addr *ret)
{
	const struct lease *lease = map_get(&n->by_id, str_from(id));

	if (!lease)
		return false;
	*ret = address_of(n, lease->index);
	return true;
}

/* --- removal --- */

static int remove_leased(const char *lease_dir, struct err *err)
{
	DIR *dir = opendir(lease_dir);
	struct dirent *entry;
	int failed = 0;

	if (!dir)
		return errno == ENOENT ? 0 : err_os(err, "read leases");
	while ((entry = readdir(dir))) {
		AUTO_BUF id = { 0 };
		char name[VETH_NAME_BYTES];
		struct in_addr address;
		int r;

		buf_init(&id, NETWORK_ID_MAX + 1);
		if (inet_pton(AF_INET, entry->d_name, &address) != 1 ||
		    fd_read_file(dirfd(dir), entry->d_name, NETWORK_ID_MAX, &id, NULL) < 0)
			continue;
		buf_put_char(&id, '\0');
		veth_name(id.ptr, name);
		r = delete_link(name);
		if (r < 0)
			failed = err_neg(err, r, "delete link %s", name);
	}
	(void)closedir(dir); /* was only read */
	return failed;
}

int network_remove(const struct network_options *options, struct err *err)
{
	int failed = remove_leased(options->lease_dir, err);
	int r = delete_link(options->bridge);

	if (r < 0)
		failed = err_neg(err, r, "delete bridge %s", options->bridge);
	if (options->forwarding_record && restore_forwarding(options->forwarding_record, err) < 0)
		failed = -1;
	return failed;
}

void network_forget_others(struct network *n, bool (*keep)(void *arg, const char *id), void *arg)
{
	size_t cursor = 0;
	struct str id;
	void *value;

	while (map_next(&n->by_id, &cursor, &id, &value)) {
		struct lease *lease = value;
		char name[VETH_NAME_BYTES];

		if (keep(arg, lease->id))
			continue;
		veth_name(lease->id, name);
		if (delete_link(name) < 0)
			continue; /* the address stays taken rather than being given to two */
		remove_lease_file(n, address_of(n, lease->index));
		lease_drop(n, lease->id);
	}
}
