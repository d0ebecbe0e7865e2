/* SPDX-License-Identifier: Apache-2.0 */
/* The list grows by halves of an arena; a look-up is a walk: there are few. */
#include "apiserver/annotations.h"

#include <stdarg.h>

#include "apiserver/limits.h"
#include "base/buf.h"
#include "base/num.h"

void annotations_add(struct annotations *a, struct str key, struct str value)
{
	struct annotation *items;

	if (!annotations_are_kept(a) || a->count == ANNOTATIONS_MAX)
		return;
	for (size_t i = 0; i < a->count; i++)
		if (str_eq(a->items[i].key, key))
			return;
	if (a->count == a->room) {
		a->room = NUM_MAX(a->room * 2, (size_t)4);
		items = arena_array(a->arena, a->room, sizeof(items[0]));
		if (a->count)
			memcpy(items, a->items, a->count * sizeof(items[0]));
		a->items = items;
	}
	a->items[a->count++] = (struct annotation){ str_in(a->arena, key),
						    str_in(a->arena, value) };
}

void annotations_printf(struct annotations *a, struct str key, const char *fmt, ...)
{
	AUTO_BUF text = { 0 };
	va_list ap;

	if (!annotations_are_kept(a))
		return;
	buf_init(&text, ANNOTATION_BYTES_MAX);
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	annotations_add(a, key, buf_str(&text));
}
