/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EncryptionConfiguration (apiserver.config.k8s.io/v1): which resources are stored encrypted, and
 * by which providers and keys. The first provider of a resource's rule writes, all of them read; so
 * a key is rotated by putting the new one in front, writing all objects again, and then removing
 * the old one.
 */
#ifndef CUBE_APISERVER_ENCRYPTION_H
#define CUBE_APISERVER_ENCRYPTION_H

#include "base/blob.h"
#include "base/err.h"
#include "base/str.h"
#include "loop/env.h"

struct encryption;

/* YAML or JSON. Errors name the field. */
int encryption_parse(struct env *env, struct str text, struct encryption **ret,
		     struct err *err) MUST_CHECK;
void encryption_free(struct encryption *e); /* NULL is fine */

/* key is the store's: "/registry/secrets/default/a". One reference: a new blob, or the same when it
 * stays clear. */
struct blob *encryption_seal(struct encryption *e, struct str key, struct blob *value,
			     struct err *err) MUST_CHECK;
/* e may be NULL: then encrypted bytes are refused, others pass. *ret_stale: they are not as they
 * would be written now. */
struct blob *encryption_open(const struct encryption *e, struct str key, struct blob *sealed,
			     bool *ret_stale, struct err *err) MUST_CHECK;

#endif
