/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests and indexes: OCI image-spec 1.1 and Docker's schema 2, told apart by media type or
 * shape. Bytes come from registries and archives and are hostile: digests, sizes and counts are
 * checked here, so that users of the structs need not.
 */
#ifndef CUBE_OCI_IMAGE_MANIFEST_H
#define CUBE_OCI_IMAGE_MANIFEST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define OCI_MANIFEST_BYTES_MAX (4u << 20)
#define OCI_INDEX_ENTRIES_MAX 1024
#define OCI_BLOB_BYTES_MAX (INT64_C(1) << 40)

#define OCI_MEDIA_INDEX "application/vnd.oci.image.index.v1+json"
#define OCI_MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_MEDIA_CONFIG "application/vnd.oci.image.config.v1+json"
#define OCI_MEDIA_LAYER "application/vnd.oci.image.layer.v1.tar"
#define DOCKER_MEDIA_INDEX "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_MEDIA_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"

/* "sha256:" and 64 lower-case hexadecimal digits. */
bool oci_digest_is_valid(struct str digest) PURE;
/* The digits of a valid digest. */
struct str oci_digest_hex(struct str digest) PURE;

struct oci_platform {
	struct str os, architecture, variant;
};

struct oci_descriptor {
	struct str media_type;
	struct str digest; /* "sha256:…", valid */
	int64_t size_bytes;
	struct oci_platform platform; /* of an index's entries; may be empty */
	struct str image_name;	      /* annotations: io.containerd.image.name, else
					 org.opencontainers.image.ref.name */
	struct str
		reference_type; /* vnd.docker.reference.type: "attestation-manifest" is no image */
};

struct oci_manifest {
	bool is_index;
	struct oci_descriptor config;
	const struct oci_descriptor *items; /* layers, bottom first; of an index: its manifests */
	size_t item_count;
};

/* All memory is in the arena. */
int oci_manifest_decode(struct str bytes, struct arena *arena, struct oci_manifest *ret,
			struct err *err) MUST_CHECK;
/* An OCI manifest for config and layers. */
int oci_manifest_encode(const struct oci_manifest *manifest, struct buf *to,
			struct err *err) MUST_CHECK;

/* "linux/arm64/v8" or "linux/amd64"; empty = this machine. */
int oci_platform_parse(struct str text, struct oci_platform *ret, struct err *err) MUST_CHECK;
/* The entry that fits best, or NULL. Entries without a platform fit when nothing else does and
 * there is only one. */
const struct oci_descriptor *oci_index_choose(const struct oci_manifest *index,
					      const struct oci_platform *platform);

/* manifest.json of `docker save`. */
struct oci_archive_image {
	struct str config; /* file names in the archive */
	struct str_list layers;
	struct str_list tags;
};
struct oci_archive {
	const struct oci_archive_image *images;
	size_t image_count;
};
int oci_archive_decode(struct str bytes, struct arena *arena, struct oci_archive *ret,
		       struct err *err) MUST_CHECK;

#endif
