/* SPDX-License-Identifier: Apache-2.0 */
/* What a server outside answers to a review (TokenReview, SubjectAccessReview, ImageReview). Pure.
 */
#ifndef CUBE_APISERVER_REVIEW_REPLY_H
#define CUBE_APISERVER_REVIEW_REPLY_H

#include "apiserver/user.h"
#include "codec/json.h"

/* The answer as a tree that has a status; http_status: that it came with. */
int review_reply_read(int http_status, struct str body, yyjson_doc **ret,
		      struct err *err) MUST_CHECK;
/* Copies in the arena, with room for one more. */
struct str_list review_strings(yyjson_val *list, struct arena *arena);
/* status.user of a TokenReview, who is authenticated. */
const struct user *review_user(yyjson_val *from, struct arena *arena);

#endif
