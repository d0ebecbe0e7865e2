/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root of all cgroups has no figures of its own everywhere, so the node's are those of the
 * machine: time of processors that was not idle, and memory that is neither free nor inactive
 * cache.
 */
#include "kubelet/host_usage.h"

#include "base/num.h"
#include "base/time.h"

/* "cpu  user nice system idle iowait irq softirq steal guest guest_nice": what guests use is in
 * user and nice already */
static bool read_busy(struct str stat, uint64_t *ret_ticks)
{
	static const bool is_busy[] = { true, true, true, false, false, true, true, true };
	struct str line, word;
	uint64_t ticks;
	size_t field = 0;

	*ret_ticks = 0;
	if (!str_next_part(&stat, '\n', &line) || !str_strip_prefix(&line, STR("cpu ")))
		return false;
	while (field < ARRAY_COUNT(is_busy) && str_next_part(&line, ' ', &word)) {
		if (!word.len)
			continue;
		if (num_parse_u64(word, INT64_MAX / 1000, "ticks", &ticks, NULL) < 0)
			return false;
		*ret_ticks += is_busy[field++] ? ticks : 0;
	}
	return field >= 4; /* older kernels tell less */
}

/* "MemTotal:       16384 kB" */
static bool read_kib(struct str meminfo, struct str name, uint64_t *ret_bytes)
{
	struct str line;
	uint64_t kib;

	while (str_next_part(&meminfo, '\n', &line)) {
		if (!str_strip_prefix(&line, name))
			continue;
		(void)str_strip_suffix(&line, STR(" kB")); /* always there */
		if (num_parse_u64(str_trim(line), INT64_MAX / 1024, "kB", &kib, NULL) < 0)
			return false;
		*ret_bytes = kib * 1024;
		return true;
	}
	return false;
}

bool host_usage_parse(struct str stat, struct str meminfo, long ticks_per_second,
		      struct runtime_stats *ret)
{
	uint64_t ticks, total, free_, inactive, anonymous;

	if (ticks_per_second <= 0 || !read_busy(stat, &ticks) ||
	    !read_kib(meminfo, STR("MemTotal:"), &total) ||
	    !read_kib(meminfo, STR("MemFree:"), &free_) ||
	    !read_kib(meminfo, STR("Inactive(file):"), &inactive) ||
	    !read_kib(meminfo, STR("AnonPages:"), &anonymous))
		return false;
	ret->cpu_ns = ticks * (uint64_t)(TIME_NS_PER_SECOND / ticks_per_second);
	ret->memory_bytes = total > free_ ? total - free_ : 0;
	ret->memory_working_set_bytes = ret->memory_bytes > inactive ? ret->memory_bytes - inactive
								     : 0;
	ret->memory_rss_bytes = anonymous;
	return true;
}
