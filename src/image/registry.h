/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client of one repository of a registry (OCI distribution 1.1, Docker registry v2), for one worker thread at a time.
 * What it returns is verified against the digest asked for.
 */
#ifndef CUBE_IMAGE_REGISTRY_H
#define CUBE_IMAGE_REGISTRY_H

#include <stdatomic.h>
#include "image/content.h"
#include "image/image.h"
#include "image/reference.h"

struct registry;

struct registry_options {
	const struct reference *reference; /* borrowed, likewise */
	const struct image_auth *auth;
	struct tls_client *tls;
	bool plain_http;                   /* try HTTP first */
	struct str token;                  /* of an earlier one for the same repository; or empty */
};

struct registry *registry_new(const struct registry_options *options) MUST_CHECK;
void registry_free(struct registry *r);
void registry_cancel(struct registry *r);   /* from any thread: the running call ends with ERR_CANCELLED */
struct str registry_token(const struct registry *r); /* borrowed; empty when none was needed */
bool registry_is_plain(const struct registry *r);

/* By tag or digest. Bytes are in the arena. ERR_NOT_FOUND `<reference>: not found`. */
int registry_manifest(struct registry *r, struct str tag_or_digest, struct arena *arena, struct str *ret_bytes,
		      char ret_digest[IMAGE_DIGEST_BYTES], struct err *err) MUST_CHECK;
/* Into the content store, unless it is there. done_bytes grows as it goes. */
int registry_blob(struct registry *r, struct content *content, struct str digest, int64_t size_bytes,
		  _Atomic int64_t *done_bytes, struct err *err) MUST_CHECK;

/* True for localhost, 127/8 and ::1, with or without a port. */
bool registry_is_loopback(struct str domain) PURE;

#endif
