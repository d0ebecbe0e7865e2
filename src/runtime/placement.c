/* SPDX-License-Identifier: Apache-2.0 */
/* See placement.h. The kernel itself refuses CPUs and nodes that the cgroup does not have. */
#include "runtime/placement.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/log.h"
#include "base/num.h"

static const struct field_name modes[] = {
	{ "MPOL_DEFAULT", MPOL_DEFAULT },
	{ "MPOL_PREFERRED", MPOL_PREFERRED },
	{ "MPOL_BIND", MPOL_BIND },
	{ "MPOL_INTERLEAVE", MPOL_INTERLEAVE },
	{ "MPOL_LOCAL", MPOL_LOCAL },
	{ "MPOL_PREFERRED_MANY", 5 },     /* Linux 5.15 */
	{ "MPOL_WEIGHTED_INTERLEAVE", 6 }, /* Linux 6.9 */
	{ 0 },
};
static const struct field_name flags[] = {
	{ "MPOL_F_STATIC_NODES", 1 << 15 },
	{ "MPOL_F_RELATIVE_NODES", 1 << 14 },
	{ "MPOL_F_NUMA_BALANCING", 1 << 13 },
	{ 0 },
};

int placement_parse(const char *list, const char *field, uint64_t ret_bits[PLACEMENT_WORDS], struct err *err)
{
	struct str rest = str_from(list), part, low, high;
	uint64_t from, to;

	memset(ret_bits, 0, PLACEMENT_WORDS * sizeof(*ret_bits));
	while (str_next_part(&rest, ',', &part)) {
		part = str_trim(part);
		if (!str_cut(part, '-', &low, &high))
			high = low;
		if (num_parse_u64(low, PLACEMENT_BITS_MAX - 1, field, &from, err) < 0 ||
		    num_parse_u64(high, PLACEMENT_BITS_MAX - 1, field, &to, err) < 0)
			return -1;
		if (from > to)
			return err_set(err, ERR_INVALID, "%s: the range \"" STR_FMT "\" is empty", field,
				       STR_ARG(part));
		for (; from <= to; from++)
			ret_bits[from / 64] |= UINT64_C(1) << (from % 64);
	}
	return 0;
}

void placement_log(void)
{
	uint64_t bits[PLACEMENT_WORDS] = { 0 };

	if (log_enabled(LOG_DEBUG) && syscall(SYS_sched_getaffinity, 0, sizeof(bits), bits) > 0)
		log_debug("runtime", "nsexec: affinity: 0x%llx", (unsigned long long)bits[0]);
}

int placement_set_cpus(const char *list, const char *field, struct err *err)
{
	uint64_t bits[PLACEMENT_WORDS];

	memset(bits, 0xff, sizeof(bits));
	if (list && placement_parse(list, field, bits, err) < 0)
		return -1;
	return syscall(SYS_sched_setaffinity, 0, sizeof(bits), bits) < 0 ? err_os(err, "%s: \"%.100s\"", field, list) :
									    0;
}

static int find(const struct field_name *names, const char *name, const char *field, struct err *err)
{
	for (; names->name && name; names++) {
		if (strcmp(names->name, name) == 0)
			return names->value;
	}
	return err_set(err, ERR_INVALID, "linux.memoryPolicy.%s: invalid memory policy %s \"%.40s\"", field,
		       field[0] == 'f' ? "flag" : field, name ? name : "");
}

int placement_set_memory(const struct oci_memory_policy *policy, struct err *err)
{
	uint64_t bits[PLACEMENT_WORDS] = { 0 };
	bool has_nodes = policy && policy->nodes && policy->nodes[0];
	struct err inner;
	int mode, flag;

	if (!policy || (!policy->mode && !has_nodes && policy->flags.count == 0))
		return 0;
	mode = find(modes, policy->mode, "mode", err);
	if (mode < 0)
		return -1;
	for (size_t i = 0; i < policy->flags.count; i++) {
		flag = find(flags, policy->flags.items[i], "flags", err);
		if (flag < 0)
			return -1;
		mode |= flag;
	}
	if (has_nodes && placement_parse(policy->nodes, "linux.memoryPolicy.nodes", bits, &inner) < 0)
		return err_set(err, ERR_INVALID, "%.200s (invalid memory policy node)", inner.msg);
	/* the kernel takes one bit less than it is told */
	if (syscall(SYS_set_mempolicy, mode, has_nodes ? bits : NULL, has_nodes ? PLACEMENT_BITS_MAX + 1ul : 0ul) == 0)
		return 0;
	if (errno == ENOSYS)
		return err_set(err, ERR_UNSUPPORTED, "linux.memoryPolicy: this kernel has no memory policies");
	if (errno == EINVAL)
		return err_set(err, ERR_INVALID, "linux.memoryPolicy: set_mempolicy %s \"%.100s\": invalid argument",
			       policy->mode, has_nodes ? policy->nodes : "");
	return err_os(err, "linux.memoryPolicy: set_mempolicy %s \"%.100s\"", policy->mode,
		      has_nodes ? policy->nodes : "");
}
