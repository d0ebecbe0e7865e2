/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta.k8s.io/v1 Table: what kubectl get prints. Columns come from the kind's row, cells from its
 * strategy, worded as upstream's printers. Written straight into a buffer, row by row.
 */
#ifndef CUBE_API_TABLE_H
#define CUBE_API_TABLE_H

#include "api/kind.h"
#include "api/obj.h"
#include "base/buf.h"

enum table_include { TABLE_INCLUDE_METADATA, TABLE_INCLUDE_NONE, TABLE_INCLUDE_OBJECT };

struct table_options {
	const struct kind *kind;
	enum table_include include;
	bool is_beta;		   /* meta.k8s.io/v1beta1, which is the same but for its name */
	bool no_headers;	   /* later pages and watch events: no column definitions */
	int64_t now_ns;		   /* wall clock, for ages */
	int64_t revision;	   /* metadata.resourceVersion, 0 = none */
	struct str continue_token; /* empty = none */
	int64_t remaining;	   /* remainingItemCount, < 0 = none */
};

struct table {
	struct table_options options;
	struct buf *to;
	size_t row_count;
};

void table_start(struct table *t, const struct table_options *options, struct buf *to);
void table_row(struct table *t, const struct obj *obj);
void table_end(struct table *t); /* then buf_failed(to) tells whether it fit */
/* {"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{...}} */
void table_partial_metadata(const struct obj *obj, bool is_beta, struct buf *to);
bool table_include_parse(struct str text,
			 enum table_include *ret); /* "", "None", "Metadata", "Object" */

/* Cells of a row, for strategies. */
struct cells {
	struct buf *to;
	const struct obj *obj;
	const struct kind *kind;
	int64_t now_ns;
	size_t count;
};

void cell_str(struct cells *c, struct str text);
void cell_c(struct cells *c, const char *text);
void cell_int(struct cells *c, int64_t value);
void cell_printf(struct cells *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* As custom columns have them: what does not fit the column's type is null. */
void cell_typed(struct cells *c, const char *type, yyjson_val *value);
void cell_age(struct cells *c, struct str timestamp); /* "5m", "<unknown>" when empty */

#endif
