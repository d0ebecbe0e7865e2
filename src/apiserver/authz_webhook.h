/* SPDX-License-Identifier: Apache-2.0 */
/* The authorizer that asks a server outside, by SubjectAccessReviews. */
#ifndef CUBE_APISERVER_AUTHZ_WEBHOOK_H
#define CUBE_APISERVER_AUTHZ_WEBHOOK_H

#include "apiserver/authz.h"

struct authz_webhook;

int authz_webhook_new(struct registry *registry, const struct authz_part *part,
		      struct authz_webhook **ret, struct err *err) MUST_CHECK;
void authz_webhook_free(struct authz_webhook *webhook); /* NULL is fine */
void authz_webhook_take_waits(struct authz_webhook *webhook, struct list *to); /* likewise */
enum authz_decision authz_webhook_decide(struct authz_webhook *webhook,
					 const struct authz_attributes *a);

#endif
