/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of documents.c's table that have files of their own. rest: what follows the row's path.
 */
#ifndef CUBE_APISERVER_DOCUMENTS_INTERNAL_H
#define CUBE_APISERVER_DOCUMENTS_INTERNAL_H

#include "apiserver/exchange.h"

#define DOCUMENT_BYTES_MAX ((size_t)64 << 20)

int health_serve(struct exchange *e, struct str rest) MUST_CHECK; /* health.c */
int health_serve_levels(struct exchange *e, struct str rest) MUST_CHECK;
/* "/livez/ping" and so on, one by one; *cursor starts at 0. */
bool health_next_path(const struct apiserver *s, size_t *cursor, char *to, size_t size);
void health_write_levels(struct apiserver *server, struct buf *to);
/* debug.c */
int debug_serve_profiles(struct exchange *e, struct str rest) MUST_CHECK;
int debug_serve_flags(struct exchange *e, struct str rest) MUST_CHECK;
int debug_serve_status(struct exchange *e, struct str rest) MUST_CHECK;
int debug_serve_started(struct exchange *e, struct str rest) MUST_CHECK;
/* Of those paths that are in the index. */
const char *document_next_path(size_t *cursor);
int metrics_serve(struct exchange *e, struct str rest) MUST_CHECK; /* metrics_serve.c */

#endif
