/* SPDX-License-Identifier: Apache-2.0 */
/* From flags and what the machine says to a plan; all checks that come before anything is changed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "api/meta.h"
#include "apiserver/service_networks.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/path.h"
#include "main/server.h"

static int parse_cidr(struct str text, const char *flag, struct in_addr *ret,
		      uint8_t *ret_prefix_len, struct err *err)
{
	struct str address, prefix;
	char c[INET_ADDRSTRLEN];
	uint64_t len;

	if (!str_cut(text, '/', &address, &prefix) || str_copy_to(address, c, sizeof(c)) < 0 ||
	    inet_pton(AF_INET, c, ret) != 1)
		return err_set(err, ERR_INVALID,
			       "--%s: '" STR_FMT "' is not an IPv4 range such as 10.244.0.0/16",
			       flag, STR_ARG(text));
	if (num_parse_u64(prefix, 30, "prefix length", &len, err) < 0)
		return err_wrap(err, "--%s", flag);
	if (len < 8)
		return err_set(err, ERR_INVALID, "--%s: prefix length %u is not within 8 and 30",
			       flag, (unsigned int)len);
	*ret_prefix_len = (uint8_t)len;
	if (ntohl(ret->s_addr) & ((UINT32_C(1) << (32 - len)) - 1))
		return err_set(err, ERR_INVALID,
			       "--%s: '" STR_FMT "' has bits set behind its prefix", flag,
			       STR_ARG(text));
	return 0;
}

static bool overlap(struct in_addr a, uint8_t a_len, struct in_addr b, uint8_t b_len)
{
	uint32_t mask = ~(uint32_t)0 << (32 - NUM_MIN(a_len, b_len));

	return (ntohl(a.s_addr) & mask) == (ntohl(b.s_addr) & mask);
}

/* The address the kernel would use towards the world: connecting a datagram socket sends nothing.
 */
static bool outgoing_address(char to[INET_ADDRSTRLEN])
{
	struct sockaddr_in far = { .sin_family = AF_INET,
				   .sin_port = htons(9),
				   .sin_addr.s_addr = htonl(0xc0000201) };
	struct sockaddr_in own;
	socklen_t len = sizeof(own);
	AUTO_FD fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, (struct sockaddr *)&far, sizeof(far)) == 0 &&
	       getsockname(fd, (struct sockaddr *)&own, &len) == 0 &&
	       inet_ntop(AF_INET, &own.sin_addr, to, INET_ADDRSTRLEN);
}

/* Without a default route: any address of a link that is up. Our own bridge does not count, it may
 * go away. */
static bool any_address(const char *bridge, char to[INET_ADDRSTRLEN])
{
	struct ifaddrs *list, *entry;
	bool found = false;

	if (getifaddrs(&list) < 0)
		return false;
	for (entry = list; entry && !found; entry = entry->ifa_next) {
		const struct sockaddr_in *address = (const struct sockaddr_in *)entry->ifa_addr;

		if (!address || address->sin_family != AF_INET || !(entry->ifa_flags & IFF_UP) ||
		    (entry->ifa_flags & IFF_LOOPBACK) || strcmp(entry->ifa_name, bridge) == 0)
			continue;
		found = inet_ntop(AF_INET, &address->sin_addr, to, INET_ADDRSTRLEN);
	}
	freeifaddrs(list);
	return found;
}

static struct str own_address(struct arena *arena, const struct server_plan *plan)
{
	struct in_addr gateway = { .s_addr = htonl(ntohl(plan->pods.s_addr) + 1) };
	char text[INET_ADDRSTRLEN];

	if (outgoing_address(text) || any_address(plan->bridge.ptr, text))
		return str_in(arena, str_from(text));
	/* A machine without any network still has the bridge that cube makes. */
	(void)inet_ntop(AF_INET, &gateway, text, sizeof(text)); /* cannot fail: the room is right */
	return str_in(arena, str_from(text));
}

static int own_name(struct arena *arena, struct str *ret, struct err *err)
{
	struct utsname name;
	char *c;

	if (uname(&name) < 0)
		return err_os(err, "ask for the host name");
	for (c = name.nodename; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
	*ret = str_in(arena, str_from(name.nodename));
	return 0;
}

static struct str or_below(struct arena *arena, struct str given, struct str dir, const char *name)
{
	return str_is_empty(given) ? path_join(arena, dir, str_from(name)) : str_in(arena, given);
}

static int oci_path(const struct server_opts *opts, struct arena *arena, struct str *ret,
		    struct err *err)
{
	char self[PATH_MAX];
	ssize_t len;

	if (!str_is_empty(opts->oci_path)) {
		*ret = str_in(arena, opts->oci_path);
		return 0;
	}
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len < 0)
		return err_os(err, "find this program: is /proc mounted?");
	*ret = path_join(arena, path_dir(str_sub(self, (size_t)len)), STR("cube-oci"));
	return 0;
}

/* What the node programs is IPv4; of IPv6 the API server alone gives addresses out. */
static int plan_services(const struct server_opts *opts, struct arena *arena,
			 struct server_plan *plan, struct err *err)
{
	struct str rest = opts->service_cidr, range;
	char first[SERVICE_ADDRESS_BYTES];
	struct service_networks networks;

	if (service_networks_init(&networks, opts->service_cidr, err) < 0)
		return -1;
	plan->service_ip = str_in(arena,
				  str_from(address_range_text(&networks.items[0], 1, first)));
	service_networks_deinit(&networks);
	while (str_next_part(&rest, ',', &range))
		if (str_find_char(range, ':', 0) == SIZE_MAX &&
		    parse_cidr(range, "service-cidr", &plan->services, &plan->services_prefix_len,
			       err) < 0)
			return -1;
	plan->service_cidr = str_in(arena, opts->service_cidr);
	return 0;
}

static int plan_addresses(const struct server_opts *opts, struct arena *arena,
			  struct server_plan *plan, struct err *err)
{
	struct in_addr binary;

	if (parse_cidr(opts->pod_cidr, "pod-cidr", &plan->pods, &plan->pods_prefix_len, err) < 0 ||
	    plan_services(opts, arena, plan, err) < 0)
		return -1;
	if (plan->services_prefix_len &&
	    overlap(plan->pods, plan->pods_prefix_len, plan->services, plan->services_prefix_len))
		return err_set(err, ERR_INVALID,
			       "--pod-cidr " STR_FMT " and --service-cidr " STR_FMT " overlap",
			       STR_ARG(opts->pod_cidr), STR_ARG(opts->service_cidr));
	plan->pod_cidr = str_in(arena, opts->pod_cidr);
	plan->node_ip = str_is_empty(opts->node_ip) ? own_address(arena, plan)
						    : str_in(arena, opts->node_ip);
	if (inet_pton(AF_INET, plan->node_ip.ptr, &binary) != 1)
		return err_set(err, ERR_INVALID, "--node-ip: '%s' is not an IPv4 address",
			       plan->node_ip.ptr);
	plan->advertise_address = str_is_empty(opts->advertise_address)
					  ? plan->node_ip
					  : str_in(arena, opts->advertise_address);
	if (inet_pton(AF_INET, plan->advertise_address.ptr, &binary) != 1)
		return err_set(err, ERR_INVALID, "--advertise-address: '%s' is not an IPv4 address",
			       plan->advertise_address.ptr);
	return 0;
}

int server_plan(const struct server_opts *opts, struct arena *arena, struct server_plan *ret,
		struct err *err)
{
	struct server_plan plan = { 0 };
	bool any = str_is_empty(opts->bind_address) || str_eq(opts->bind_address, STR("0.0.0.0"));

	plan.bridge = str_in(arena, opts->bridge);
	plan.table = str_in(arena, opts->table);
	plan.cgroup_root = str_in(arena, opts->cgroup_root);
	plan.data_dir = str_in(arena, opts->data_dir);
	plan.run_dir = str_in(arena, opts->run_dir);
	plan.kubeconfig = str_in(arena, opts->kubeconfig);
	if (!path_is_absolute(plan.data_dir) || !path_is_absolute(plan.run_dir) ||
	    !path_is_absolute(plan.kubeconfig))
		return err_set(err, ERR_INVALID,
			       "--data-dir, --run-dir and --kubeconfig must be absolute paths");
	if (!path_is_absolute(plan.cgroup_root))
		return err_set(err, ERR_INVALID, "--cgroup-root: '%s' must begin with '/'",
			       plan.cgroup_root.ptr);
	plan.pki_dir = or_below(arena, opts->pki_dir, path_dir(plan.kubeconfig), "pki");
	plan.manifest_dir = or_below(arena, opts->manifest_dir, path_dir(plan.kubeconfig),
				     "manifests");
	plan.pod_log_dir = str_in(arena, opts->pod_log_dir);
	if (plan.bridge.len == 0 || plan.bridge.len >= IFNAMSIZ || !path_is_name(plan.bridge))
		return err_set(err, ERR_INVALID,
			       "--bridge: '%s' is not an interface name of 1 to 15 bytes",
			       plan.bridge.ptr);
	if (server_check_store(opts, err) < 0 ||
	    tls_policy_decode((struct str_list){ opts->tls_suites.items, opts->tls_suites.count },
			      opts->tls_version_min, arena, &plan.tls, err) < 0)
		return -1;
	if (plan_addresses(opts, arena, &plan, err) < 0 ||
	    oci_path(opts, arena, &plan.oci_path, err) < 0)
		return -1;
	plan.node_name = str_in(arena, opts->node_name);
	if (str_is_empty(plan.node_name) && own_name(arena, &plan.node_name, err) < 0)
		return -1;
	plan.endpoint = str_printf_in(arena, "https://%s:%u",
				      any ? "127.0.0.1" : str_c_in(arena, opts->bind_address),
				      (unsigned int)opts->secure_port);
	*ret = plan;
	return 0;
}

/* --- the machine --- */

static bool file_has_word(const char *path, const char *word)
{
	AUTO_BUF text = { 0 };
	struct str rest, line;

	buf_init(&text, (size_t)1 << 20);
	if (fd_read_file(AT_FDCWD, path, (size_t)1 << 20, &text, NULL) < 0)
		return false;
	rest = buf_str(&text);
	while (str_next_part(&rest, '\n', &line))
		if (str_contains(line, str_from(word)))
			return true;
	return false;
}

/* Names that become parts of objects, certificates or links: wrong ones would be found out much
 * later. */
static int check_names(const struct server_opts *opts, const struct server_plan *plan,
		       struct err *err)
{
	AUTO_ARENA arena = { 0 };
	const char *wrong;
	char c[INET_ADDRSTRLEN];
	struct in_addr binary;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	wrong = name_problems_in(&arena, name_is_subdomain(plan->node_name, false), ", ");
	if (wrong)
		return err_set(err, ERR_INVALID, "--node-name: '%s': %s", plan->node_name.ptr,
			       wrong);
	wrong = name_problems_in(&arena, name_is_subdomain(opts->cluster_domain, false), ", ");
	if (wrong)
		return err_set(err, ERR_INVALID, "--cluster-domain: '" STR_FMT "': %s",
			       STR_ARG(opts->cluster_domain), wrong);
	if (!str_is_empty(opts->cluster_dns) && (str_copy_to(opts->cluster_dns, c, sizeof(c)) < 0 ||
						 inet_pton(AF_INET, c, &binary) != 1))
		return err_set(err, ERR_INVALID,
			       "--cluster-dns: '" STR_FMT "' is not an IPv4 address",
			       STR_ARG(opts->cluster_dns));
	if (!str_eq(opts->log_format, STR("text")) && !str_eq(opts->log_format, STR("json")))
		return err_set(err, ERR_INVALID, "--log-format: '" STR_FMT "' is not text or json",
			       STR_ARG(opts->log_format));
	if (controllers_check_names(
		    &(struct str_list){ opts->controllers.items, opts->controllers.count }, err) <
	    0)
		return err_wrap(err, "--controllers");
	return 0;
}

int server_check_machine(const struct server_opts *opts, const struct server_plan *plan,
			 struct err *err)
{
	if (geteuid() != 0)
		return err_set(err, ERR_FORBIDDEN,
			       "must run as root: containers need it. Try: sudo cube server");
	if (check_names(opts, plan, err) < 0)
		return -1;
	if (opts->no_node)
		return 0;
	if (!file_has_word("/proc/filesystems", "overlay"))
		return err_set(err, ERR_UNSUPPORTED,
			       "this kernel has no overlay file system (try: modprobe overlay)");
	if (!file_has_word("/proc/mounts", "cgroup"))
		return err_set(err, ERR_UNSUPPORTED,
			       "no cgroup hierarchy is mounted (try: mount -t cgroup2 none "
			       "/sys/fs/cgroup)");
	if (access("/proc/self/ns/net", F_OK) < 0 || access("/proc/self/ns/pid", F_OK) < 0)
		return err_set(err, ERR_UNSUPPORTED,
			       "this kernel has no network or process namespaces");
	if (access(plan->oci_path.ptr, X_OK) < 0)
		return err_os(err, "container runtime %s (--oci-path says where it is)",
			      plan->oci_path.ptr);
	return 0;
}
