/* SPDX-License-Identifier: Apache-2.0 */
/* What criu is asked for, from flags and config.json. No I/O. Declared in checkpoint.h. */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include "base/assert.h"
#include "base/mem.h"
#include "base/path.h"
#include "linux/mounts.h"
#include "linux/process.h"
#include "runtime/checkpoint.h"

static void plan_flags(const struct checkpoint_subject *subject, struct criu_options *ret)
{
	const struct checkpoint_options *o = subject->options;

	ret->log_level = 4;
	ret->notify_scripts = ret->orphan_pts_master = true;
	ret->shell_job = o->shell_job;
	ret->tcp_established = o->tcp_established;
	ret->ext_unix_sk = o->ext_unix_sk;
	ret->file_locks = o->file_locks;
	ret->auto_dedup = o->auto_dedup;
	ret->lazy_pages = o->lazy_pages;
	ret->manage_cgroups = true; /* of releases that know no mode */
	ret->manage_cgroups_mode = o->cgroup_mode;
	/* links and addresses are the engine's, which makes them anew */
	ret->empty_ns = CLONE_NEWNET | o->empty_ns;
	/* criu's own file of settings, whose place an annotation may name (empty: none) */
	ret->config_file = STR("/etc/criu/runc.conf");
	for (size_t i = 0; i < subject->spec->annotations.count; i++) {
		const struct oci_pair *pair = &subject->spec->annotations.items[i];

		if (strcmp(pair->key, "org.criu.config") == 0)
			ret->config_file = str_from(pair->value);
	}
}

void checkpoint_plan_dump(const struct checkpoint_subject *subject, struct criu_options *ret)
{
	const struct checkpoint_options *o = subject->options;

	*ret = (struct criu_options){ .log_file = STR("dump.log") };
	plan_flags(subject, ret);
	ret->leave_running = o->leave_running;
	ret->page_server = o->page_server;
	if (o->parent_path) {
		ret->parent_img = str_from(o->parent_path);
		ret->track_mem = true;
	}
	if (o->status_fd > 0)
		ret->status_fd = o->status_fd;
}

const char *checkpoint_external_namespace(const struct oci_namespace *ns)
{
	if (!ns->path || !ns->path[0])
		return NULL;
	return ns->type == OCI_NS_NETWORK ? "extRootNetNS"
	       : ns->type == OCI_NS_PID	  ? "extRootPidNS"
					  : NULL;
}

static int plan_namespaces(const struct checkpoint_subject *subject, struct arena *arena,
			   struct criu_options *ret, struct err *err)
{
	const struct oci_list *list = &subject->spec->linux_part->namespaces;
	size_t external = 0;

	ret->joins = arena_array(arena, list->count + 1, sizeof(*ret->joins));
	ret->inherits = arena_array(arena, list->count + 4, sizeof(*ret->inherits));
	for (size_t i = 0; i < list->count; i++) {
		const struct oci_namespace *ns = OCI_ITEM(*list, struct oci_namespace, i);
		const char *key = checkpoint_external_namespace(ns),
			   *name = oci_namespace_names[ns->type].name;

		if (!ns->path || !ns->path[0])
			continue;
		if (key) {
			ret->inherits[ret->inherits_count++] = (struct criu_inherit){
				str_from(key), (int32_t)(CHECKPOINT_NAMESPACE_FD + external++)
			};
			continue;
		}
		if (ns->type == OCI_NS_CGROUP || ns->type == OCI_NS_TIME)
			return err_set(err, ERR_UNSUPPORTED,
				       "linux.namespaces[%zu].path: criu cannot restore into a %s "
				       "namespace",
				       i, name);
		ret->joins[ret->joins_count++] = (struct criu_join){
			str_from(namespace_file(namespace_flag(name))), str_from(ns->path)
		};
	}
	return 0;
}

/* Without them criu would put the processes where they were: beside what `delete` and `pause` look at, and to be
 * killed with the container that is left there. */
static void plan_cgroups(const struct cgroup *cgroup, struct arena *arena, struct criu_options *ret)
{
	ret->cgroup_roots = arena_array(arena, CGROUP_CONTROLLER_COUNT, sizeof(*ret->cgroup_roots));
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
		const char *name = i == CGROUP_SYSTEMD	 ? "name=systemd"
				   : i == CGROUP_UNIFIED ? "" /* not encoded: the root of whatever has no other */
							 : cgroup_name((enum cgroup_controller)i);

		if (cgroup->dir_fds[i] >= 0)
			ret->cgroup_roots[ret->cgroup_roots_count++] = (struct criu_cgroup_root){
				str_from(name), str_from(cgroup->path)
			};
	}
}

int checkpoint_plan_restore(const struct checkpoint_subject *subject, struct arena *arena,
			    struct criu_options *ret, struct err *err)
{
	const struct checkpoint_options *o = subject->options;

	*ret = (struct criu_options){ .log_file = STR("restore.log") };
	plan_flags(subject, ret);
	ret->evasive_devices = ret->rst_sibling = true;
	ret->lsm_profile = str_from(o->lsm_profile);
	ret->lsm_mount_context = str_from(o->lsm_mount_context);
	if (o->cgroup_mode != CRIU_CGROUP_IGNORE)
		plan_cgroups(subject->cgroup, arena, ret);
	return plan_namespaces(subject, arena, ret, err);
}

struct mounts {
	struct arena *arena;
	struct criu_options *to;
	size_t room;
	bool is_restore;
};

static void add_mount(struct mounts *m, const char *destination, const char *source)
{
	struct str where = path_clean(m->arena, str_from(destination));

	ASSERT(m->to->mounts_count < m->room);
	m->to->mounts[m->to->mounts_count++] = (struct criu_mount){ where,
								    m->is_restore ? str_from(source)
										  : where };
}

bool checkpoint_is_bind(const struct oci_mount *mount)
{
	struct mount_options options = { 0 };

	for (size_t i = 0; i < mount->options.count; i++) {
		if (!mount_option_parse(mount->options.items[i], &options))
			continue;
	}
	return options.is_bind || (mount->type && strcmp(mount->type, "bind") == 0);
}

const char *checkpoint_source(const struct oci_mount *mount, const char *bundle,
			      struct arena *arena)
{
	if (!mount->source || mount->source[0] == '/')
		return mount->source ? mount->source : "";
	return str_printf_in(arena, "%s/%s", bundle, mount->source).ptr;
}

/* Without a cgroup namespace what is mounted are binds of the container's own folders. */
static void add_controllers(const struct checkpoint_subject *subject, struct mounts *m,
			    const char *destination)
{
	const struct cgroup *cgroup = subject->cgroup;

	if (cgroup->is_v2)
		add_mount(m, destination,
			  str_printf_in(m->arena, "/sys/fs/cgroup%s", cgroup->path).ptr);
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT && !cgroup->is_v2; i++) {
		const char *name = cgroup_name((enum cgroup_controller)i);

		if (cgroup->dir_fds[i] >= 0)
			add_mount(m, str_printf_in(m->arena, "%s/%s", destination, name).ptr,
				  str_printf_in(m->arena, "/sys/fs/cgroup/%s%s", name, cgroup->path)
					  .ptr);
	}
}

static bool has_namespace(const struct oci_spec *spec, enum oci_namespace_type type)
{
	const struct oci_list *list = &spec->linux_part->namespaces;

	for (size_t i = 0; i < list->count; i++) {
		if (OCI_ITEM(*list, struct oci_namespace, i)->type == (int)type)
			return true;
	}
	return false;
}

void checkpoint_plan_mounts(const struct checkpoint_subject *subject, bool is_restore,
			    struct arena *arena, struct criu_options *ret)
{
	const struct oci_spec *spec = subject->spec;
	const struct oci_linux *l = spec->linux_part;
	bool binds_controllers = !has_namespace(spec, OCI_NS_CGROUP);
	struct mounts m = { arena, ret,
			    spec->mounts.count + l->masked_paths.count + l->devices.count + 16,
			    is_restore };
	const char *name;

	m.room += CGROUP_CONTROLLER_COUNT * (spec->mounts.count + 1);
	ret->mounts = arena_array(arena, m.room, sizeof(*ret->mounts));
	for (size_t i = 0; i < spec->mounts.count; i++) {
		const struct oci_mount *mount = OCI_ITEM(spec->mounts, struct oci_mount, i);

		if (checkpoint_is_bind(mount))
			add_mount(&m, mount->destination,
				  checkpoint_source(mount, subject->bundle, arena));
		else if (binds_controllers && mount->type && strncmp(mount->type, "cgroup", 6) == 0)
			add_controllers(subject, &m, mount->destination);
	}
	/* nodes may be binds of the host's (user namespaces); criu does not mind when they are not
	 */
	for (size_t i = 0; (name = device_default_path(i)) != NULL; i++)
		add_mount(&m, name, name);
	for (size_t i = 0; i < l->devices.count; i++) {
		const char *path = OCI_ITEM(l->devices, struct oci_device, i)->path;

		add_mount(&m, path, path);
	}
	/* a masked file is the host's /dev/null, by that name in the images */
	for (size_t i = 0; i < l->masked_paths.count && !is_restore; i++) {
		add_mount(&m, l->masked_paths.items[i], "/dev/null");
		ret->mounts[ret->mounts_count - 1].value = STR("/dev/null");
	}
}

int checkpoint_plan_descriptors(struct str json, struct arena *arena, struct criu_options *ret,
				struct err *err)
{
	yyjson_val *value;
	yyjson_doc *doc;
	size_t index, count;

	if (oci_json_parse(json, "descriptors.json", &doc, err) < 0)
		return -1;
	if (!yyjson_is_arr(yyjson_doc_get_root(doc)) ||
	    yyjson_arr_size(yyjson_doc_get_root(doc)) > 3) {
		yyjson_doc_free(doc);
		return err_set(err, ERR_INVALID,
			       "descriptors.json: expected a list of at most three names");
	}
	yyjson_arr_foreach (yyjson_doc_get_root(doc), index, count, value) {
		struct str name = str_from(yyjson_get_str(value));

		if (str_has_prefix(name, STR("pipe:")))
			ret->inherits[ret->inherits_count++] = (struct criu_inherit){
				str_in(arena, name), (int32_t)(CHECKPOINT_STDIO_FD + index)
			};
	}
	yyjson_doc_free(doc);
	return 0;
}
