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
bool health_next_path(size_t *cursor, char *to, size_t size);
void health_write_levels(struct apiserver *server, struct buf *to);
int metrics_serve(struct exchange *e, struct str rest) MUST_CHECK; /* metrics_serve.c */

#endif
