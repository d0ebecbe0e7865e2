/* SPDX-License-Identifier: Apache-2.0 */
/* The table of such fields, and the walk that takes them out. "*" in a path is each item of a list
 * or member of a map. */
#include "api/switched_off.h"

/* Where a kind has pod specs. */
static const struct {
	const struct kind *kind;
	const char *path;
} pod_specs[] = {
	{ &kind_pod, "spec" },
	{ &kind_podtemplate, "template.spec" },
	{ &kind_replicationcontroller, "spec.template.spec" },
	{ &kind_deployment, "spec.template.spec" },
	{ &kind_replicaset, "spec.template.spec" },
	{ &kind_daemonset, "spec.template.spec" },
	{ &kind_statefulset, "spec.template.spec" },
	{ &kind_job, "spec.template.spec" },
	{ &kind_cronjob, "spec.jobTemplate.spec.template.spec" },
};

static const struct row {
	const struct kind *kind; /* NULL: of pod specs */
	const char *path, *feature;
} rows[] = {
	{ NULL, "volumes.*.projected.sources.*.clusterTrustBundle",
	  "ClusterTrustBundleProjection" },
	{ NULL, "volumes.*.projected.sources.*.podCertificate", "PodCertificateRequest" },
	{ NULL, "volumes.*.ephemeral.volumeClaimTemplate.spec.dataSourceRef.namespace",
	  "CrossNamespaceVolumeDataSource" },
	{ NULL, "schedulingGroup", "GenericWorkload" },
	{ &kind_pod, "status.nodeAllocatableResourceClaimStatuses", "DRANodeAllocatableResources" },
	{ &kind_persistentvolumeclaim, "spec.dataSourceRef.namespace",
	  "CrossNamespaceVolumeDataSource" },
	{ &kind_statefulset, "spec.volumeClaimTemplates.*.spec.dataSourceRef.namespace",
	  "CrossNamespaceVolumeDataSource" },
	{ &kind_lease, "spec.strategy", "CoordinatedLeaderElection" },
	{ &kind_lease, "spec.preferredHolder", "CoordinatedLeaderElection" },
	{ &kind_csidriver, "spec.preventPodSchedulingIfMissing", "VolumeLimitScaling" },
	{ &kind_resourceslice, "spec.devices.*.nodeAllocatableResourceMappings",
	  "DRANodeAllocatableResources" },
	{ &kind_resourceslice, "spec.devices.*.attributes.*.bools", "DRAListTypeAttributes" },
	{ &kind_resourceslice, "spec.devices.*.attributes.*.ints", "DRAListTypeAttributes" },
	{ &kind_resourceslice, "spec.devices.*.attributes.*.strings", "DRAListTypeAttributes" },
	{ &kind_resourceslice, "spec.devices.*.attributes.*.versions", "DRAListTypeAttributes" },
};

/* ---- the old object ---- */

static bool is_in(yyjson_val *at, struct str path)
{
	struct str part;

	if (!str_next_part(&path, '.', &part))
		return at != NULL;
	if (!str_eq_c(part, "*"))
		return is_in(json_key(at, part), path);
	JSON_EACH (item, at)
		if (is_in(item, path))
			return true;
	JSON_MEMBERS (key, value, at)
		if (key && is_in(value, path))
			return true;
	return false;
}

/* ---- the new one ---- */

/* How many there are; drops: takes them out, too. */
static size_t walk(yyjson_mut_val *at, struct str path, bool drops)
{
	struct str part, rest = path;
	size_t count = 0;

	if (!at || !str_next_part(&rest, '.', &part))
		return 0;
	if (str_eq_c(part, "*")) {
		JSON_MUT_EACH (item, at)
			count += walk(item, rest, drops);
		JSON_MUT_MEMBERS (key, value, at)
			count += key ? walk(value, rest, drops) : 0;
		return count;
	}
	if (rest.len)
		return walk(json_mut_key(at, part), rest, drops);
	count = json_mut_key(at, part) != NULL;
	if (count && drops)
		(void)json_remove(at, part); /* the doc owns it */
	return count;
}

/* ---- features: several rows may be of one ---- */

static const char *pod_spec_at(const struct kind *kind)
{
	for (size_t i = 0; i < ARRAY_COUNT(pod_specs); i++)
		if (pod_specs[i].kind == kind)
			return pod_specs[i].path;
	return NULL;
}

/* The row's path in an object of the kind; empty when it has no such field. */
static struct str path_of(struct edit *e, const struct row *row, const char *pod_spec)
{
	if (row->kind)
		return row->kind == e->kind ? str_from(row->path) : STR_NONE;
	return pod_spec ? str_printf_in(e->arena, "%s.%s", pod_spec, row->path) : STR_NONE;
}

static bool is_in_use(struct edit *e, const char *feature, const char *pod_spec)
{
	for (size_t i = 0; e->old && i < ARRAY_COUNT(rows); i++) {
		struct str path = strcmp(rows[i].feature, feature) == 0
					  ? path_of(e, &rows[i], pod_spec)
					  : STR_NONE;

		if (path.len && is_in(e->old, path))
			return true;
	}
	return false;
}

void switched_off_drop(struct edit *e)
{
	const char *pod_spec = pod_spec_at(e->kind);
	yyjson_mut_val *spec = pod_spec ? json_mut_get(e->root, pod_spec) : NULL;

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		yyjson_mut_val *root = rows[i].kind ? e->root : spec;

		if ((rows[i].kind && rows[i].kind != e->kind) ||
		    !walk(root, str_from(rows[i].path), false))
			continue;
		if (!is_in_use(e, rows[i].feature, pod_spec))
			(void)walk(root, str_from(rows[i].path), true);
	}
}
