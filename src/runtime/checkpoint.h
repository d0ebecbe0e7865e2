/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saving a container's processes into a folder of images and bringing them back, by criu. What criu
 * is asked for is planned purely (checkpoint_plan.c); what it needs around it (cgroups, root, mount
 * points, hooks) is done here.
 */
#ifndef CUBE_RUNTIME_CHECKPOINT_H
#define CUBE_RUNTIME_CHECKPOINT_H

#include "runtime/create.h"
#include "runtime/criu.h"

struct checkpoint_options {
	const char *program;		    /* --criu */
	const char *image_path, *work_path; /* absolute; work_path may be NULL */
	const char *parent_path;	    /* relative to image_path; NULL for none */
	const char *lsm_profile, *lsm_mount_context;
	struct criu_page_server *page_server;
	bool leave_running, tcp_established, ext_unix_sk, shell_job, file_locks, auto_dedup,
		lazy_pages, pre_dump;
	enum criu_cgroup_mode cgroup_mode;
	uint64_t empty_ns;
	int status_fd; /* -1 for none */
};

/* checkpoint_plan.c, pure; strings lie in the arena or are borrowed. */
struct checkpoint_subject {
	const struct checkpoint_options *options;
	const struct oci_spec *spec;
	const struct cgroup *cgroup;
	const char *bundle;
};
/* Descriptors of criu, above all that is open: stdio, then the namespaces that the container joins.
 */
#define CHECKPOINT_STDIO_FD 200
#define CHECKPOINT_NAMESPACE_FD 203
/* Without mounts, process and descriptors of folders. */
void checkpoint_plan_dump(const struct checkpoint_subject *subject, struct criu_options *ret);
int checkpoint_plan_restore(const struct checkpoint_subject *subject, struct arena *arena,
			    struct criu_options *ret, struct err *err) MUST_CHECK;
/* The mounts that come from outside. */
void checkpoint_plan_mounts(const struct checkpoint_subject *subject, bool is_restore,
			    struct arena *arena, struct criu_options *ret);
bool checkpoint_is_bind(const struct oci_mount *mount);
const char *checkpoint_source(const struct oci_mount *mount, const char *bundle,
			      struct arena *arena);
/* descriptors.json: the three names of stdio; those that are pipes are inherited from the restorer.
 */
int checkpoint_plan_descriptors(struct str json, struct arena *arena, struct criu_options *ret,
				struct err *err) MUST_CHECK;
/* Whether criu leaves this namespace as it is and finds it again under a name ("extRootNetNS");
 * NULL: no. */
const char *checkpoint_external_namespace(const struct oci_namespace *ns);

/* Beside the images: where the folder of the notify socket was mounted, for containers that had one. */
#define CHECKPOINT_NOTIFY "notify"
/* *ret: NULL when the container that was saved had none. */
int checkpoint_read_notify(const struct checkpoint_options *options, struct arena *arena, const char **ret,
			   struct err *err) MUST_CHECK;
/* Without leave_running and pre_dump the container is over afterwards, but for deleting it. */
int container_checkpoint(struct container *c, const struct oci_spec *spec,
			 const struct checkpoint_options *options, struct arena *arena,
			 struct err *err) MUST_CHECK;
/* As container_create(); the container runs. */
int container_restore(const struct create *create, const struct checkpoint_options *options,
		      struct arena *arena, struct container *ret, struct created *ret_more,
		      struct err *err) MUST_CHECK;

#endif
