/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is not about one kind: discovery, OpenAPI, version, health, metrics and the index, as one
 * table of paths. Discovery and OpenAPI are made at the first request, kept, and sent with an ETag.
 */
#ifndef CUBE_APISERVER_DOCUMENTS_H
#define CUBE_APISERVER_DOCUMENTS_H

struct apiserver;

void documents_free(struct apiserver *server);

#endif
