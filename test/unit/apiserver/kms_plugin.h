/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A KMS v2 plug-in that hides nothing: its key is its id. For unit tests, in their own loop, and as
 * a program (test/system/kms_plugin_main.c).
 */
#ifndef CUBE_TEST_KMS_PLUGIN_H
#define CUBE_TEST_KMS_PLUGIN_H

#include "net/grpc_server.h"

struct kms_plugin {
	/* Set by the test, at any time. */
	const char *key_id;	    /* what Status tells, and what is encrypted with */
	const char *encrypt_key_id; /* NULL: the same */
	const char *healthz, *version;
	bool refuses; /* every call */
	int repeats;  /* of each answer, which one is all there may be of */
	size_t empty_annotations;
	int status_count, encrypt_count, decrypt_count;
	void (*before)(struct kms_plugin *p); /* each call; may be NULL */
	/* own */
	struct http_server *http;
	struct grpc_service service;
};

int kms_plugin_start(struct kms_plugin *p, struct env *env, const char *socket,
		     struct err *err) MUST_CHECK;
void kms_plugin_stop(struct kms_plugin *p);

#endif
