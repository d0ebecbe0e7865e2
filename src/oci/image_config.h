/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The config object of an image (OCI image-spec 1.1 "application/vnd.oci.image.config.v1+json" and Docker's
 * "application/vnd.docker.container.image.v1+json", which are the same but for fields we skip). Bytes come from
 * registries and archives: wrong types are refused by name, unknown fields are ignored as the spec asks.
 */
#ifndef CUBE_OCI_IMAGE_CONFIG_H
#define CUBE_OCI_IMAGE_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define OCI_IMAGE_CONFIG_BYTES_MAX (8u << 20)
#define OCI_IMAGE_LAYERS_MAX 512
#define OCI_IMAGE_STRINGS_MAX 8192 /* entries of one list of a config */

struct oci_pair {
	struct str key, value;
};

struct oci_image_config {
	struct str architecture, os, variant, os_version;
	struct str created, author;
	struct str_list diff_ids;      /* "sha256:…", bottom first */
	struct str_list entrypoint, cmd, env;
	struct str_list volumes;       /* paths */
	struct str_list exposed_ports; /* "80/tcp" */
	struct str user, working_dir, stop_signal;
	const struct oci_pair *labels;
	size_t label_count;
};

/* All memory is in the arena; bytes need not live on. */
int oci_image_config_decode(struct str bytes, struct arena *arena, struct oci_image_config *ret,
			    struct err *err) MUST_CHECK;

/* What an image made from a root file system or a build says; empty fields are left out. Appends JSON to `to`. */
int oci_image_config_encode(const struct oci_image_config *config, struct buf *to, struct err *err) MUST_CHECK;

#endif
