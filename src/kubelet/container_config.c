/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides what the runtime is asked to create for one run of a container: command line and
 * environment expanded, mounts, security context of pod and container merged, cgroup values.
 */
#include "kubelet/container_config.h"

#include <inttypes.h>

#include "base/num.h"
#include "base/path.h"
#include "codec/json.h"
#include "kubelet/pod_env.h"
#include "kubelet/pod_network.h"
#include "kubelet/qos.h"

#define HOST_FILE_BYTES_MAX (64u << 10)

size_t config_pull_secrets(struct pod *pod, struct arena *arena, const struct str **ret)
{
	yyjson_val *list = json_get(pod->spec.json, "imagePullSecrets");
	struct str *found = arena_array(arena, yyjson_arr_size(list) + 1, sizeof(*found));
	size_t count = 0;

	JSON_EACH (item, list) {
		struct str name = json_get_str(item, "name");
		const struct obj *secret = object_watch_find(pod->kubelet, true,
							     pod->spec.namespace_, name);
		yyjson_val *value = secret ? json_key(json_get(secret->root, "data"),
						      STR(".dockerconfigjson"))
					   : NULL;

		if (!secret)
			pod_event(pod, -1, EVENT_WARNING, "FailedToRetrieveImagePullSecret",
				  "Unable to retrieve some image pull secrets (" STR_FMT
				  "); attempting to pull the image may not succeed.",
				  STR_ARG(name));
		else if (bytes_decode(json_str(value), arena, &found[count], NULL) == 0 &&
			 found[count].len > 0)
			count++;
	}
	*ret = found;
	return count;
}

static size_t strings_expanded(yyjson_val *list, const struct map *values, struct arena *arena,
			       const struct str **ret)
{
	struct str *to = arena_array(arena, yyjson_arr_size(list) + 1, sizeof(*to));
	size_t count = 0;

	JSON_EACH (item, list)
		to[count++] = values ? env_expand(json_str(item), values, arena) : json_str(item);
	*ret = to;
	return count;
}

/* --- mounts --- */

static enum runtime_propagation propagation_of(struct str s)
{
	if (str_eq(s, STR("HostToContainer")))
		return PROPAGATION_FROM_HOST;
	return str_eq(s, STR("Bidirectional")) ? PROPAGATION_BOTH : PROPAGATION_NONE;
}

static int mount_one(struct pod *pod, yyjson_val *m, const struct map *values, struct arena *arena,
		     struct runtime_mount *ret, struct err *err)
{
	struct str name = json_get_str(m, "name");
	const struct volume *volume = volume_find(&pod->volume_set, name);
	struct str sub = json_get_str(m, "subPath"), expr = json_get_str(m, "subPathExpr");

	if (!volume)
		return err_set(err, ERR_INVALID,
			       "cannot find volume \"" STR_FMT "\" to mount into container",
			       STR_ARG(name));
	if (!str_is_empty(expr)) {
		sub = env_expand(expr, values, arena);
		if (str_find(sub, STR("$("), 0) != SIZE_MAX)
			return err_set(err, ERR_INVALID, "missing value for \"" STR_FMT "\"",
				       STR_ARG(expr));
	}
	*ret = (struct runtime_mount){
		.host_path = volume_path(&pod->volume_set, volume, arena),
		.container_path = json_get_str(m, "mountPath"),
		.sub_path = sub,
		/* What the kubelet writes is never written by a container. */
		.read_only = json_get_bool(m, "readOnly", false) || volume->kind == VOLUME_FILES,
		.recursive_read_only = str_eq(json_get_str(m, "recursiveReadOnly"),
					      STR("Enabled")) ||
				       str_eq(json_get_str(m, "recursiveReadOnly"),
					      STR("IfPossible")),
		.propagation = propagation_of(json_get_str(m, "mountPropagation")),
	};
	if (!path_is_absolute(ret->container_path))
		ret->container_path = path_join(arena, STR("/"), ret->container_path);
	return 0;
}

static int config_mounts(struct pod *pod, const struct pod_container *c, const struct map *values,
			 struct arena *arena, struct runtime_container_create *create,
			 struct err *err)
{
	yyjson_val *list = json_get(c->json, "volumeMounts");
	struct runtime_mount *mounts = arena_array(arena, yyjson_arr_size(list) + 1,
						   sizeof(*mounts));

	JSON_EACH (m, list) {
		if (mount_one(pod, m, values, arena, &mounts[create->mount_count], err) < 0)
			return -1;
		create->mount_count++;
	}
	create->mounts = mounts;
	return 0;
}

/* --- security --- */

static void fill_groups(const struct pod_spec *spec, struct arena *arena,
			struct runtime_security *ret)
{
	yyjson_val *list = json_get(spec->json, "securityContext.supplementalGroups");
	yyjson_val *fs_group = json_get(spec->json, "securityContext.fsGroup");
	int64_t *groups = arena_array(arena, yyjson_arr_size(list) + 2, sizeof(*groups));

	JSON_EACH (item, list)
		groups[ret->group_count++] = json_int(item, 0);
	if (fs_group)
		groups[ret->group_count++] = json_int(fs_group, 0);
	ret->groups = groups;
}

static int fill_seccomp(struct pod *pod, yyjson_val *own, struct arena *arena,
			struct runtime_security *ret, struct err *err)
{
	yyjson_val *profile = json_get(own, "seccompProfile");
	struct str type, file;

	if (!profile)
		profile = json_get(pod->spec.json, "securityContext.seccompProfile");
	type = json_get_str(profile, "type");
	/* Design: seccomp is on unless someone says Unconfined. */
	ret->seccomp = SECCOMP_DEFAULT;
	if (str_eq(type, STR("Unconfined")) || ret->privileged) {
		ret->seccomp = SECCOMP_UNCONFINED;
	} else if (str_eq(type, STR("Localhost"))) {
		file = path_clean(arena, json_get_str(profile, "localhostProfile"));
		if (path_is_absolute(file) || str_has_prefix(file, STR("..")))
			return err_set(err, ERR_INVALID,
				       "invalid seccomp profile path \"" STR_FMT "\"",
				       STR_ARG(file));
		ret->seccomp = SECCOMP_FILE;
		ret->seccomp_file = path_join(
			arena, path_join(arena, pod->kubelet->options.root_dir, STR("seccomp")),
			file);
	}
	return 0;
}

static yyjson_val *either(yyjson_val *own, yyjson_val *pods, const char *key)
{
	yyjson_val *v = json_get(own, key);

	return v ? v : json_get(pods, key);
}

static int config_security(struct pod *pod, const struct pod_container *c,
			   const struct runtime_image *image, struct arena *arena,
			   struct runtime_container_create *create, struct err *err)
{
	struct runtime_security *s = &create->security;
	yyjson_val *own = json_get(c->json, "securityContext"),
		   *pods = json_get(pod->spec.json, "securityContext");
	yyjson_val *user = either(own, pods, "runAsUser"), *group = either(own, pods, "runAsGroup");

	s->privileged = json_get_bool(own, "privileged", false);
	s->read_only_root = json_get_bool(own, "readOnlyRootFilesystem", false);
	s->no_new_privileges = !json_get_bool(own, "allowPrivilegeEscalation", true);
	s->proc_unmasked = str_eq(json_get_str(own, "procMount"), STR("Unmasked"));
	s->has_user = user != NULL;
	s->user = json_int(user, 0);
	s->has_group = group != NULL;
	s->group = json_int(group, 0);
	create->run_as_non_root = json_bool(either(own, pods, "runAsNonRoot"), false);
	if (create->run_as_non_root && (s->has_user ? s->user == 0 : image->ret_user == 0))
		return err_set(
			err, ERR_INVALID,
			s->has_user
				? "container's runAsUser breaks non-root policy (pod: \"" STR_FMT
				  "_" STR_FMT "(" STR_FMT ")\", container: " STR_FMT ")"
				: "container has runAsNonRoot and image will run as root (pod: "
				  "\"" STR_FMT "_" STR_FMT "(" STR_FMT ")\", container: " STR_FMT
				  ")",
			STR_ARG(pod->spec.name), STR_ARG(pod->spec.namespace_),
			STR_ARG(pod->spec.uid), STR_ARG(c->name));
	if (create->run_as_non_root && !s->has_user && image->ret_user < 0)
		return err_set(
			err, ERR_INVALID,
			"container has runAsNonRoot and image has non-numeric user, cannot verify "
			"user is non-root (pod: \"" STR_FMT "_" STR_FMT "(" STR_FMT
			")\", container: " STR_FMT ")",
			STR_ARG(pod->spec.name), STR_ARG(pod->spec.namespace_),
			STR_ARG(pod->spec.uid), STR_ARG(c->name));
	s->add_count = strings_expanded(json_get(own, "capabilities.add"), NULL, arena,
					&s->add_capabilities);
	s->drop_count = strings_expanded(json_get(own, "capabilities.drop"), NULL, arena,
					 &s->drop_capabilities);
	fill_groups(&pod->spec, arena, s);
	return fill_seccomp(pod, own, arena, s, err);
}

/* --- all of it --- */

static void config_names(struct pod *pod, struct arena *arena,
			 struct runtime_container_create *create)
{
	const struct kubelet_options *o = &pod->kubelet->options;
	struct volume_sources sources = pod_sources(pod);
	AUTO_BUF file = { 0 };

	buf_init(&file, HOST_FILE_BYTES_MAX);
	/* A machine without these files has pods without them. */
	if (env_read_file(pod->kubelet->env, str_c_in(arena, o->resolv_conf), HOST_FILE_BYTES_MAX,
			  &file, NULL) < 0)
		buf_reset(&file);
	create->resolv_conf = pod_resolv_conf(&pod->spec, o->cluster_dns, o->cluster_domain,
					      buf_str(&file), arena);
	buf_reset(&file);
	if (pod->spec.host_network &&
	    env_read_file(pod->kubelet->env, "/etc/hosts", HOST_FILE_BYTES_MAX, &file, NULL) < 0)
		buf_reset(&file);
	create->hosts = pod_hosts(&pod->spec, sources.pod_address, o->cluster_domain,
				  buf_str(&file), arena);
}

/* The process namespace follows the pod, but for an ephemeral container with a target. */
static void config_pid(struct pod *pod, const struct pod_container *c,
		       struct runtime_container_create *create)
{
	struct str target = json_get_str(c->json, "targetContainerName");
	int index = str_is_empty(target) ? -1 : pod_spec_find(&pod->spec, target);

	create->pid_mode = pod->spec.host_pid ? PID_HOST : pod->spec.share_pid ? PID_POD : PID_OWN;
	if (c->role == ROLE_EPHEMERAL && index >= 0 &&
	    pod->state.containers[index].phase == RUN_RUNNING && create->pid_mode == PID_OWN) {
		create->pid_mode = PID_TARGET;
		create->pid_target = str_from(pod->state.containers[index].id);
	}
}

static int config_command(struct pod *pod, const struct pod_container *c, struct arena *arena,
			  struct runtime_container_create *create, struct err *err)
{
	struct volume_sources sources = pod_sources(pod);
	struct env_input in = {
		.spec = &pod->spec,
		.container = c,
		.sources = &sources,
		.services = informer_all(pod->kubelet->service_informer),
	};
	struct env_result env;
	int rc;

	if (env_build(&in, arena, &env, err) < 0)
		return -1;
	create->env = env.list;
	create->env_count = env.count;
	create->command_count = strings_expanded(json_get(c->json, "command"), &env.values, arena,
						 &create->command);
	create->arg_count = strings_expanded(json_get(c->json, "args"), &env.values, arena,
					     &create->args);
	rc = config_mounts(pod, c, &env.values, arena, create, err);
	env_result_deinit(&env);
	return rc;
}

int container_config(struct pod *pod, size_t index, const struct runtime_image *image,
		     struct arena *arena, struct runtime_container_create *create, struct err *err)
{
	const struct pod_container *c = &pod->spec.containers[index];
	const struct run_state *s = &pod->state.containers[index];

	create->owner = (struct runtime_owner){
		.pod_uid = pod->spec.uid,
		.namespace_ = pod->spec.namespace_,
		.pod_name = pod->spec.name,
		.container = c->name,
		.attempt = s->restart_count + (s->id[0] ? 1 : 0),
	};
	create->sandbox_id = str_in(arena, str_from(pod->state.sandbox.id));
	create->image = str_in(arena, str_from(image->ret_id));
	create->image_name = c->image;
	create->working_dir = json_get_str(c->json, "workingDir");
	create->cgroup_parent = pod_cgroup(&pod->spec, arena);
	create->tty = json_get_bool(c->json, "tty", false);
	create->stdin_open = json_get_bool(c->json, "stdin", false);
	create->stdin_once = json_get_bool(c->json, "stdinOnce", false);
	create->hash = str_printf_in(arena, "%" PRIx64, c->hash);
	create->message_path = c->message_path;
	create->message_from_log = c->message_from_log;
	create->grace_seconds = pod->spec.grace_seconds;
	create->stop_signal = c->stop_signal;
	create->pod_dir = str_printf_in(arena, STR_FMT "/pods/" STR_FMT,
					STR_ARG(pod->kubelet->options.root_dir),
					STR_ARG(pod->spec.uid));
	container_cgroup_resources(&pod->spec, c, pod->kubelet->options.memory_bytes,
				   &create->resources);
	config_pid(pod, c, create);
	config_names(pod, arena, create);
	if (config_command(pod, c, arena, create, err) < 0)
		return -1;
	return config_security(pod, c, image, arena, create, err);
}
