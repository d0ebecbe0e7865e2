/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image store of one data folder: images by name, their content (blobs by sha256), their unpacked layers. An image
 * that can be found is complete: its content was verified, its layers are unpacked and durable, so that starting a
 * container only needs the list of layer folders.
 *
 * Everything here is called on the loop and calls back there; network and files are dealt with on worker threads.
 */
#ifndef CUBE_IMAGE_IMAGE_H
#define CUBE_IMAGE_IMAGE_H

#include "base/err.h"
#include "base/str.h"
#include "loop/env.h"
#include "oci/image_config.h"

#define IMAGE_DIGEST_BYTES 72 /* "sha256:", 64 digits, NUL */

struct image_store;
struct tls_client;

struct image_store_options {
	struct env *env;
	const char *data_dir;                  /* absolute; everything lies in <data_dir>/image, mode 0700 */
	const struct str *insecure_registries; /* "host:port" spoken to over plain HTTP; loopback hosts always may be */
	size_t insecure_registry_count;
	struct tls_client *tls;                /* authorities for registries; NULL = the system's; borrowed */
};

/* Reads what is there and clears away what an interrupted pull or removal left. Blocks; for start-up. */
int image_store_open(const struct image_store_options *options, struct image_store **ret, struct err *err) MUST_CHECK;
/* Nothing may be running; see image_store_is_idle. */
void image_store_close(struct image_store *store);
bool image_store_is_idle(const struct image_store *store);
/* At start-up, after all containers took their references: drops images that were removed while in use. */
void image_store_settle(struct image_store *store);

/* Read-only outside image/. names and digests change while it lives, all else never does. */
struct image {
	char id[IMAGE_DIGEST_BYTES];       /* digest of its config: the image ID */
	char manifest[IMAGE_DIGEST_BYTES]; /* digest of its manifest */
	struct str_list names;             /* "docker.io/library/nginx:1.27" */
	struct str_list digests;           /* "docker.io/library/nginx@sha256:…" (of the index, where there is one) */
	struct str_list layers;            /* folders for overlay, topmost first; short absolute paths */
	int64_t size_bytes;                /* of config, manifest and (compressed) layers */
	int64_t unpacked_bytes;            /* of its layers' files */
	struct oci_image_config config;
	bool removed;                      /* no longer listed or found; containers still use it */
};

/* Keeps it, and its layers on disk, until unref. Both on the loop. */
struct image *image_ref(struct image *image);
void image_unref(struct image *image);

/* By reference ("nginx", "docker.io/library/nginx:1.27", "x@sha256:…"), image ID, or a unique prefix of one (at least 4
 * digits). NULL with ERR_NOT_FOUND or ERR_BAD_REQUEST. Borrowed. */
struct image *image_find(struct image_store *store, struct str reference, struct err *err);
/* By exact ID; also those removed while in use. NULL when there is none. */
struct image *image_by_id(struct image_store *store, struct str id);
/* Calls fn for each until it returns false, in order of ID. */
void image_walk(struct image_store *store, bool (*fn)(void *arg, struct image *image), void *arg);

/* --- pull --- */
struct image_auth {
	struct str username, password;
	struct str identity_token;         /* OAuth2 refresh token */
	struct str registry_token;         /* sent as it is */
};

/* Decodes a .dockerconfigjson / ~/.docker/config.json ("auths") and picks what fits the reference's registry and path,
 * longest match first. False when nothing does. */
bool image_auth_find(struct str docker_config_json, struct str reference, struct arena *arena,
		     struct image_auth *ret);

enum image_progress_state {
	IMAGE_PROGRESS_WAITING,
	IMAGE_PROGRESS_DOWNLOADING,
	IMAGE_PROGRESS_DOWNLOADED,
	IMAGE_PROGRESS_UNPACKING,
	IMAGE_PROGRESS_DONE,
	IMAGE_PROGRESS_EXISTS,
};
struct image_progress {
	enum image_progress_state state;
	struct str digest;                 /* of the layer */
	int64_t done_bytes, total_bytes;   /* while downloading */
};

struct image_pull {
	struct str reference;              /* as the user wrote it; these three are kept by the caller until done */
	struct str platform;               /* "linux/arm64/v8"; empty = this machine's */
	struct image_auth auth;
	/* Optional; a few times a second at most for each layer. */
	void (*progress)(struct image_pull *pull, const struct image_progress *progress);
	/* image is borrowed and NULL on error. The messages are those of containerd: "failed to pull and unpack image
	 * \"docker.io/library/x:y\": failed to resolve reference \"…\": docker.io/library/x:y: not found". */
	void (*done)(struct image_pull *pull, struct image *image, const struct err *err);
	void *owner;
	void *impl;                        /* the store's */
};
void image_pull(struct image_store *store, struct image_pull *pull);
/* done follows with ERR_CANCELLED (or with success, when it was too late). */
void image_pull_cancel(struct image_pull *pull);

/* --- import from a file: an OCI layout tar, a `docker save` archive, or a plain root file system tar (each also
 * compressed with gzip or zstd); which one is found out --- */
struct image_import {
	struct str path;                   /* kept by the caller until done; or fd >= 0, which is the caller's */
	int fd;
	/* Name for the image: needed for a root file system, added to the archive's own names otherwise. */
	struct str reference;
	const struct oci_image_config *config; /* for a root file system: what it runs; may be NULL */
	/* images: all in the archive, borrowed for the call. */
	void (*done)(struct image_import *import, struct image *const *images, size_t image_count,
		     const struct err *err);
	void *owner;
	void *impl;
};
void image_import(struct image_store *store, struct image_import *import);
void image_import_cancel(struct image_import *import);

/* --- names and removal; acknowledged when durable --- */
struct image_change {
	/* Optional. deleted: image IDs that went away. */
	void (*done)(struct image_change *change, const struct err *err);
	void *owner;
	bool removed_image;                /* result of image_remove: not only the name went */
	void *impl;
};
/* Gives the image another name, taking it from the image that has it. */
void image_tag(struct image_store *store, struct image_change *change, struct image *image, struct str reference);
/* Takes the name away; with the last name, or when reference is an ID, the image and all content that no other image
 * needs. Layers in use by containers stay until the last image_unref. ERR_NOT_FOUND when there is no such image. */
void image_remove(struct image_store *store, struct image_change *change, struct str reference);

/* --- numbers for the node's status and image garbage collection --- */
struct image_usage {
	int64_t content_bytes, layer_bytes;
	size_t image_count;
};
void image_store_usage(const struct image_store *store, struct image_usage *ret);

#endif
