/* SPDX-License-Identifier: Apache-2.0 */
/* Every bound of image/. Images come from strangers: what passes these is refused, and nothing of it stays. */
#ifndef CUBE_IMAGE_LIMITS_H
#define CUBE_IMAGE_LIMITS_H

#define UNPACK_ENTRIES_MAX 2000000u              /* of one layer */
#define UNPACK_BYTES_MAX (INT64_C(256) << 30)    /* of one layer's files */
#define INFLATE_RATIO_MAX 4096                   /* unpacked bytes per stored byte ... */
#define INFLATE_FREE_BYTES (INT64_C(64) << 20)   /* ... beyond these */
#define ARCHIVE_FILES_MAX 4096u                  /* files of an image archive */
#define IMAGE_INDEX_BYTES_MAX (64u << 20)        /* images.json */
#define IMAGE_NAMES_MAX 4096u                    /* of one image */
#define IMAGE_LAYERS_MAX 480u                    /* overlay takes 500 lower folders */
#define PULL_LAYERS_AT_ONCE 3u                   /* downloads of one pull */
#define PULL_INDEX_DEPTH_MAX 3                   /* index in index */
#define PULL_PROGRESS_MS 250
#define REGISTRY_TOKEN_BYTES_MAX (64u << 10)
#define REGISTRY_REDIRECTS_MAX 10
#define REGISTRY_IDLE_TIMEOUT_MS 60000           /* no byte for so long */
#define REGISTRY_MANIFEST_TIMEOUT_MS 60000
#define AUTH_CHALLENGE_PARTS_MAX 32
#define DOCKER_CONFIG_BYTES_MAX (1u << 20)

#endif
