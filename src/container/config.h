/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an image's config and a request to an OCI runtime config. Pure: whatever had to be looked up
 * on the host comes in as struct config_input, so that every rule here is tested by tables.
 */
#ifndef CUBE_CONTAINER_CONFIG_H
#define CUBE_CONTAINER_CONFIG_H

#include "codec/json.h"
#include "container/record.h"

struct config_mount {
	struct str type, source, target;
	struct str_list options;
};

struct config_device {
	struct str path;
	char type; /* 'c', 'b' or 'p' */
	uint32_t major, minor, mode, uid, gid;
	struct str permissions;
};

enum config_namespace_mode { CONFIG_NS_OWN, CONFIG_NS_HOST, CONFIG_NS_JOIN };
struct config_namespace {
	enum config_namespace_mode mode;
	struct str path; /* CONFIG_NS_JOIN */
};

struct config_input {
	const char *id;
	const struct container_spec *spec;
	const struct oci_image_config *image; /* NULL for a sandbox */
	const struct container_user *user;
	struct config_namespace network, ipc, uts, pid;
	struct str hostname; /* for $HOSTNAME and, with an own uts, to be set */
	struct str cgroup_path;
	bool has_cgroup_v1;  /* controllers are in trees of their own */
	struct str shm_path; /* the sandbox's; empty = a tmpfs of its own */
	struct str hosts_path, hostname_path, resolv_path; /* empty = not mounted */
	const struct config_mount *mounts;		   /* the request's, sources resolved */
	size_t mount_count;
	const struct config_device *devices;
	size_t device_count;
};

/* The program's argv by the rules of ENTRYPOINT and CMD. */
int config_args(const struct container_spec *spec, const struct oci_image_config *image,
		struct arena *arena, struct str_list *ret, struct err *err) MUST_CHECK;
/* Environment: image, request, and what is always there. */
struct str_list config_env(const struct config_input *in, struct arena *arena);
/* Bits of capabilities (1 << number). */
int config_capabilities(const struct container_spec *spec, uint64_t *ret,
			struct err *err) MUST_CHECK;
/* Signal number of "SIGTERM", "TERM" or "15". */
int config_signal(struct str name, int *ret, struct err *err) MUST_CHECK;

/* process of an exec: the container's, with other args, env, cwd and user. */
struct config_exec {
	struct str_list argv, env; /* env: whole */
	struct str working_dir;
	const struct container_user *user;
	uint64_t capabilities;
	bool no_new_privileges, terminal;
	uint16_t rows, columns;
	const struct container_spec *spec;
};
void config_process(const struct config_exec *exec, yyjson_mut_doc *doc, yyjson_mut_val *to);

int config_build(const struct config_input *in, struct arena *arena, yyjson_mut_doc *doc,
		 yyjson_mut_val *to, struct err *err) MUST_CHECK;
void config_resources(const struct container_resources *r, yyjson_mut_doc *doc, yyjson_mut_val *to);

#endif
