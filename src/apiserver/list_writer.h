/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists that are not sent as they are stored: Table, PartialObjectMetadataList, YAML, JSON with
 * line breaks. Made object by object, so that a long one can be made in many turns of the loop, and
 * kept in blobs of moderate size.
 */
#ifndef CUBE_APISERVER_LIST_WRITER_H
#define CUBE_APISERVER_LIST_WRITER_H

#include "api/table.h"
#include "apiserver/exchange.h"

struct list_writing {
	struct table_options list; /* of a table, and of any list what they have in common */
	enum answer_form form;
	enum answer_format format; /* JSON or YAML */
	bool is_pretty;
};

struct list_writer;

struct list_writer *list_writer_new(const struct list_writing *writing) MUST_CHECK;
/* Returns what it cost, as long_work.h counts. */
size_t list_writer_add(struct list_writer *w, struct blob *object);
/* ERR_TOO_LARGE once it is longer than any list may be, ERR_INTERNAL when an object was none. */
int list_writer_check(const struct list_writer *w, struct err *err) MUST_CHECK;
/* The whole text; the references and the array are the caller's. Nothing is added afterwards. */
struct blob **list_writer_end(struct list_writer *w, size_t *ret_count,
			      size_t *ret_bytes) MUST_CHECK;
void list_writer_free(struct list_writer *w); /* NULL is fine */

#endif
