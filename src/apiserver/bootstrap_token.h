/* SPDX-License-Identifier: Apache-2.0 */
/* Bootstrap tokens: "<id>.<secret>" of a Secret bootstrap-token-<id> in kube-system, by which new
 * nodes join. */
#ifndef CUBE_APISERVER_BOOTSTRAP_TOKEN_H
#define CUBE_APISERVER_BOOTSTRAP_TOKEN_H

#include "apiserver/user.h"
#include "base/err.h"

struct registry;

bool bootstrap_token_is(struct str text) PURE; /* has the form of one */
/* ERR_UNAUTHORIZED unless the Secret says that it is good for this, and is not over. */
int bootstrap_token_check(struct registry *registry, struct str text, struct arena *arena,
			  const struct user **ret, struct err *err) MUST_CHECK;

#endif
