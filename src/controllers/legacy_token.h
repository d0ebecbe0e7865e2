/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of Secrets with tokens that an older cluster made for its service accounts. Pure. */
#ifndef CUBE_CONTROLLERS_LEGACY_TOKEN_H
#define CUBE_CONTROLLERS_LEGACY_TOKEN_H

#include "api/obj.h"

#define LEGACY_TOKEN_DAY_BYTES 11 /* "2006-01-02" and NUL */

enum legacy_token_plan { LEGACY_TOKEN_KEEP, LEGACY_TOKEN_MARK, LEGACY_TOKEN_DELETE };

/* is_listed: its service account names it among its secrets. is_used: by a pod, as a volume, for
 * pulling images or in its environment. */
enum legacy_token_plan legacy_token_plan(const struct obj *secret, bool is_listed, bool is_used,
					 int64_t now_ns);
/* Whether uses have been noted for long enough, since this day. */
bool legacy_token_is_tracked(struct str since, int64_t now_ns);
bool legacy_token_pod_uses(const struct obj *pod, struct str secret);
const char *legacy_token_day(int64_t wall_ns, char to[LEGACY_TOKEN_DAY_BYTES]);

#define LEGACY_TOKEN_INVALID_LABEL "kubernetes.io/legacy-token-invalid-since"

#endif
