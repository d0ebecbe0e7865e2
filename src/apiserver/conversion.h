/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Custom objects between versions whose definition names a webhook for that. Objects lie in the
 * store in the version they were written in; who reads or writes another one waits for a conversion
 * of all he needs, asked in one question. What is stored in the version that is wanted never gets
 * here.
 */
#ifndef CUBE_APISERVER_CONVERSION_H
#define CUBE_APISERVER_CONVERSION_H

#include "api/kind.h"
#include "base/blob.h"
#include "base/err.h"

struct registry;
struct conversion;

/* Whether these bytes are of another version of kind than kind is, and only a webhook can tell what
 * they are in it. */
bool conversion_is_needed(const struct kind *kind, struct blob *object);
bool conversion_has_webhook(const struct kind *kind) PURE;

/* err is NULL, or says what failed in upstream's words. The conversion is the receiver's, who frees
 * it. */
typedef void conversion_done_fn(void *arg, struct conversion *conversion, const struct err *err);

/* Of all that need it; the others stay as they are. done comes in a later turn. */
struct conversion *conversion_start(struct registry *registry, const struct kind *kind,
				    struct blob *const *objects, size_t count,
				    conversion_done_fn *done, void *arg);
/* The i-th object in the version that was wanted; borrowed. */
struct blob *conversion_result(const struct conversion *conversion, size_t i);
/* What became of that very blob; NULL: it was not among them, or conversion is NULL. Borrowed. */
struct blob *conversion_find(const struct conversion *conversion, struct blob *object);
void conversion_free(struct conversion *conversion); /* also of one under way; NULL is fine */

/* As the API tells it: a Status of 500 without a reason. */
struct refusal;
int conversion_refuse(struct refusal *refusal, const struct err *err);

#endif
