/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EncryptionConfiguration (apiserver.config.k8s.io/v1): which resources are stored encrypted, and
 * by which providers and keys. The first provider of a resource writes, all of them read; so
 * a key is rotated by putting the new one in front, writing all objects again, and then removing
 * the old one. What is stored is what kube-apiserver stores: either reads the other's.
 */
#ifndef CUBE_APISERVER_ENCRYPTION_H
#define CUBE_APISERVER_ENCRYPTION_H

#include "base/blob.h"
#include "base/err.h"
#include "base/str.h"
#include "loop/env.h"

struct encryption;
struct kms_metrics;

struct encryption_options {
	struct env *env;
	struct kms_metrics *metrics; /* lives longer */
	void (*on_change)(
		void *arg); /* what was ERR_UNAVAILABLE is worth another try; may be NULL */
	void *arg;
};

/* YAML or JSON. Errors name the field, in upstream's words. KMS plug-ins are asked at once. */
int encryption_parse(const struct encryption_options *options, struct str text,
		     struct encryption **ret, struct err *err) MUST_CHECK;
void encryption_free(struct encryption *e); /* NULL is fine */

/* key is the store's: "/registry/secrets/default/a". One reference: a new blob, or the same when it
 * stays clear. */
struct blob *encryption_seal(struct encryption *e, struct str key, struct blob *value,
			     struct err *err) MUST_CHECK;
/* e may be NULL: then encrypted bytes are refused, others pass. ERR_UNAVAILABLE: a KMS plug-in is
 * asked for the data key, or did not give it. */
struct blob *encryption_open(const struct encryption *e, struct str key, struct blob *sealed,
			     struct err *err) MUST_CHECK;
/* False: encryption_open would say ERR_UNAVAILABLE; what it needs is asked for. */
bool encryption_can_open(const struct encryption *e, struct str key, struct str sealed);

/* No rule is for the key, and it is in clear: opening would give the same bytes and count nothing. */
bool encryption_is_clear(const struct encryption *e, struct str key, struct str sealed);
/* A number for what bytes were sealed with, 0 when they are in clear, and what the next write will
 * be sealed with; false: that is not known now. Where they differ the value is to be written anew.
 */
uint64_t encryption_mark(struct str sealed);
bool encryption_next_mark(const struct encryption *e, struct str key, uint64_t *ret);

/* --- of KMS plug-ins; NULL has none --- */
size_t encryption_plugin_count(const struct encryption *e);
bool encryption_is_settled(const struct encryption *e); /* each has answered once, or failed to */
bool encryption_is_asking(const struct encryption *e);	/* for data keys of what is stored */
int encryption_health(const struct encryption *e, struct err *err) MUST_CHECK;

#endif
