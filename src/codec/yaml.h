/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML (1.1 as kubectl and Go's yaml read it: yes/no/on/off stay strings in keys and become
 * booleans in values as there) to JSON trees and back. Anchors are followed within an expansion
 * limit; a key given twice is an error unless the reader is told to keep it; every error has its
 * line.
 */
#ifndef CUBE_CODEC_YAML_H
#define CUBE_CODEC_YAML_H

#include "codec/json.h"

struct yaml_reader; /* over a text with any number of documents */

/* The text must outlive the reader. NULL with ERR_TOO_LARGE when it is longer than bytes_max. */
struct yaml_reader *yaml_open(struct str text, size_t bytes_max, struct err *err) MUST_CHECK;
/* 1 and a document of the caller's, 0 at the end, < 0 and ERR_PARSE ("yaml: line 3: ..."); then
 * only close. Empty documents are skipped. */
int yaml_next(struct yaml_reader *reader, yyjson_mut_doc **ret_doc, struct err *err) MUST_CHECK;
void yaml_close(struct yaml_reader *reader); /* NULL is fine */
void yaml_close_at(struct yaml_reader **reader);
#define AUTO_YAML CLEANUP(yaml_close_at) struct yaml_reader *

/* From now on a key given twice is no error: the last one counts, and a line of duplicates tells of
 * it. */
void yaml_keep_duplicates(struct yaml_reader *reader, struct buf *duplicates);

/* Exactly one document. */
yyjson_mut_doc *yaml_parse(struct str text, size_t bytes_max, struct err *err) MUST_CHECK;
/* The same, and keys given twice are told of as yaml_keep_duplicates does; what is no YAML is told
 * of in the words of Go's parser. */
yyjson_mut_doc *yaml_parse_duplicates(struct str text, size_t bytes_max, struct buf *duplicates,
				      struct err *err) MUST_CHECK;

/* Block style, two spaces, keys sorted, as kubectl -o yaml prints. */
void yaml_write(yyjson_val *v, struct buf *to);
void yaml_mut_write(yyjson_mut_val *v, struct buf *to);

/* The same for an object with one long array, item by item: head is the object with that member,
 * which counts as empty, and outlives the series. At least one item is added. */
struct yaml_series;
struct yaml_series *yaml_series_open(yyjson_val *head, const char *member,
				     struct buf *to) MUST_CHECK;
void yaml_series_add(struct yaml_series *s, yyjson_val *item);
void yaml_series_close(struct yaml_series *s); /* writes the rest */

#endif
