/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of static pods: what a folder holds (blocking, for workers) and what pod one file means
 * (pure). A pod's uid is made from the node, the file's name and its bytes, so that it is the same
 * after a restart and another one after a change.
 */
#ifndef CUBE_KUBELET_MANIFEST_H
#define CUBE_KUBELET_MANIFEST_H

#include "api/obj.h"
#include "base/buf.h"

#define ANNOTATION_CONFIG_HASH "kubernetes.io/config.hash"
#define ANNOTATION_CONFIG_MIRROR "kubernetes.io/config.mirror"
#define ANNOTATION_CONFIG_SEEN "kubernetes.io/config.seen"
#define ANNOTATION_CONFIG_SOURCE "kubernetes.io/config.source"

struct manifest_file {
	char *name;
	struct buf text;
	char *problem; /* why it could not be read, or NULL */
};

struct manifest_folder {
	struct manifest_file *files; /* by name */
	size_t count;
};

/* All files but those whose name begins with a dot; a folder that is not there is empty. Blocks. */
int manifest_folder_read(const char *path, struct manifest_folder *ret, struct err *err) MUST_CHECK;
void manifest_folder_deinit(struct manifest_folder *folder);

struct manifest_place {
	struct str file, node_name;
	int64_t now_ns; /* wall */
};
/* The pod of a JSON or YAML text, defaulted and validated; the caller's reference. */
int manifest_decode(struct str text, const struct manifest_place *place, const struct obj **ret,
		    struct err *err) MUST_CHECK;
/* The mirror of such a pod, as it is to be created. */
yyjson_mut_doc *manifest_mirror(const struct obj *pod) MUST_CHECK;

#endif
