/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A KMS v2 plug-in, asked over its unix socket: for the data key that this server writes with, and
 * for those that it meets in what is stored. Its Status is asked for every minute, every ten
 *seconds while something is wrong; another key id there means another data key. Nothing waits for
 *an answer: what needs a data key that is not known yet is told ERR_UNAVAILABLE, and on_change when
 *it is worth another try.
 *
 *	 first status ──same id──► written with for three minutes after each good status
 *	      │                          │ other id
 *	      └──► new seed, Encrypt ◄───┘   (until then the old one goes on)
 */
#ifndef CUBE_APISERVER_KMS_H
#define CUBE_APISERVER_KMS_H

#include "apiserver/kms_metrics.h"
#include "loop/env.h"

#define KMS_TIMEOUT_DEFAULT_MS 3000

struct kms;

struct kms_options {
	struct env *env;
	struct str name;
	struct str path; /* of the socket; "@…": an abstract one */
	int64_t timeout_ms;
	struct kms_metrics *metrics;  /* borrowed */
	void (*on_change)(void *arg); /* a data key came or cannot be had, or a status was taken */
	void *arg;
};

struct kms *kms_new(const struct kms_options *options) MUST_CHECK; /* begins to ask */
void kms_free(struct kms *k);					   /* NULL is fine */

/* context is the store's key. Appends the bytes behind "k8s:enc:kms:v2:NAME:". */
int kms_seal(struct kms *k, struct str context, struct str clear, struct buf *to,
	     struct err *err) MUST_CHECK;
/* ERR_UNAVAILABLE: the data key is being asked for, or could not be had just now. */
int kms_open(struct kms *k, struct str context, struct str sealed, struct buf *to,
	     struct err *err) MUST_CHECK;
/* Whether kms_open would not say ERR_UNAVAILABLE; else the data key is asked for. */
bool kms_can_open(struct kms *k, struct str sealed);
/* The id it writes with, and whether there is one. */
bool kms_key_id(const struct kms *k, struct str *ret);
bool kms_is_settled(const struct kms *k); /* one status was taken, or could not be had */
bool kms_is_asking(const struct kms *k);  /* for data keys that are stored */
/* Of the last status; one that is old is asked for again, for the next time. */
int kms_health(struct kms *k, struct err *err) MUST_CHECK;

#endif
