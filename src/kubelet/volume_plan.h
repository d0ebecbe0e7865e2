/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pod's volumes shall be on disk, and where each container sees them. Pure: contents of
 * ConfigMaps and Secrets, and tokens, come in through struct volume_sources; volume.c makes it so,
 * on a worker.
 */
#ifndef CUBE_KUBELET_VOLUME_PLAN_H
#define CUBE_KUBELET_VOLUME_PLAN_H

#include "kubelet/pod_spec.h"
#include "kubelet/pod_runtime.h"

enum volume_kind {
	VOLUME_EMPTY_DIR,
	VOLUME_MEMORY, /* emptyDir in memory */
	VOLUME_HOST_PATH,
	VOLUME_FILES, /* configMap, secret, downwardAPI, projected: files written atomically */
};

enum host_path_type {
	HOST_PATH_UNSET,
	HOST_PATH_DIRECTORY_OR_CREATE,
	HOST_PATH_DIRECTORY,
	HOST_PATH_FILE_OR_CREATE,
	HOST_PATH_FILE,
	HOST_PATH_SOCKET,
	HOST_PATH_CHAR_DEVICE,
	HOST_PATH_BLOCK_DEVICE,
};

struct volume_file {
	struct str path; /* relative, checked: no "..", not absolute */
	struct str bytes;
	uint32_t mode;
};

struct volume {
	struct str name;
	enum volume_kind kind;
	const char *plugin; /* "empty-dir", "configmap", ...: folder below
			       volumes/kubernetes.io~<plugin> */
	struct str host_path;
	enum host_path_type host_type;
	int64_t size_bytes; /* of VOLUME_MEMORY; 0 = kernel's default */
	bool secret;	    /* files are kept on tmpfs */
	const struct volume_file *files;
	size_t file_count;
};

struct volume_set {
	struct volume *volumes;
	size_t count;
	bool has_group; /* fsGroup */
	int64_t group;
	struct str pod_dir; /* <root_dir>/pods/<uid> */
};

/* Where contents come from. Each returns NULL when the object does not exist. */
struct volume_sources {
	const struct obj *(*config_map)(void *arg, struct str namespace_, struct str name);
	const struct obj *(*secret)(void *arg, struct str namespace_, struct str name);
	/* A token for this audience; empty when there is none yet. */
	struct str (*token)(void *arg, struct str volume, size_t source_index);
	void *arg;
	struct str host_address, pod_address, node_name;
	int64_t node_cpu_milli, node_memory_bytes;
	struct str root_dir;
};

/* err: what the FailedMount event says: `MountVolume.SetUp failed for volume "x" : configmap "y"
 * not found`. */
int volume_plan(const struct pod_spec *spec, const struct volume_sources *sources,
		struct arena *arena, struct volume_set *ret, struct err *err) MUST_CHECK;
/* Folder or path of a volume on the host. */
struct str volume_path(const struct volume_set *set, const struct volume *volume,
		       struct arena *arena);
const struct volume *volume_find(const struct volume_set *set, struct str name) PURE;

/* A value of the downward API: `metadata.name`, `metadata.labels['x']`, `status.podIP`, ...;
 * ERR_BAD_REQUEST for unknown paths. Also for environment variables. */
int downward_field(const struct pod_spec *spec, const struct volume_sources *sources,
		   struct str field_path, struct arena *arena, struct str *ret,
		   struct err *err) MUST_CHECK;
/* resourceFieldRef: `limits.cpu` with its divisor, rounded up. */
int downward_resource(const struct pod_spec *spec, const struct pod_container *container,
		      const struct volume_sources *sources, yyjson_val *ref, struct arena *arena,
		      struct str *ret, struct err *err) MUST_CHECK;
/* A Secret's value, or one of binaryData. */
int bytes_decode(struct str base64, struct arena *arena, struct str *ret,
		 struct err *err) MUST_CHECK;
/* Calls fn for each ConfigMap and Secret that the pod mentions anywhere. */
void pod_references(const struct pod_spec *spec,
		    void (*fn)(void *arg, bool is_secret, struct str name), void *arg);

#endif
