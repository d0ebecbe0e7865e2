/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the compiler with their place, displayed as upstream does: line, column, source line,
 * caret. */
#include <stdarg.h>
#include <stdio.h>
#include "base/num.h"

#include "cel/cel_internal.h"
#include "cel/text_internal.h"

#define MESSAGE_BYTES_MAX 1024
#define SNIPPET_POINTS_MAX 16384

void cel_message(struct cel_source *source, uint32_t offset, const char *fmt, ...)
{
	char text[MESSAGE_BYTES_MAX];
	va_list ap;

	if (source->message_count == CEL_ERRORS_MAX) {
		source->message_left_out++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	source->messages[source->message_count++] = (struct cel_message){
		.offset = offset,
		.text = str_in(source->arena, str_from(text)),
	};
}

static void write_snippet(struct str line, size_t column, struct buf *to)
{
	size_t i = 0;

	buf_put_c(to, "\n | ");
	for (size_t k = 0; k < line.len; k++)
		buf_put_char(to, line.ptr[k] == '\t' ? ' ' : line.ptr[k]);
	buf_put_c(to, "\n | ");
	for (size_t k = 0; k < column && i < line.len; k++) {
		size_t width = text_width(line, i);

		buf_put_c(to, width > 1 ? "\xef\xbc\x8e" : "."); /* a full-width dot */
		i += width;
	}
	buf_put_c(to, i < line.len && text_width(line, i) > 1 ? "\xef\xbc\xbe" : "^");
}

static void write_message(const struct cel_source *source, const struct cel_message *message,
			  struct buf *to)
{
	size_t line_start = 0;
	size_t line_number = 1;
	size_t offset = NUM_MIN((size_t)message->offset, source->text.len);
	size_t line_end;
	size_t column;
	struct str line;

	for (size_t i = 0; i < offset; i++) {
		if (source->text.ptr[i] == '\n') {
			line_start = i + 1;
			line_number++;
		}
	}
	line_end = str_find_char(source->text, '\n', line_start);
	line = str_slice(source->text, line_start,
			 line_end == SIZE_MAX ? source->text.len : line_end);
	column = text_count(str_sub(line.ptr, offset - line_start));
	buf_printf(to, "ERROR: <input>:%zu:%zu: " STR_FMT, line_number, column + 1,
		   STR_ARG(message->text));
	if (text_count(line) <= SNIPPET_POINTS_MAX)
		write_snippet(line, column, to);
}

static int by_offset(const void *a, const void *b)
{
	const struct cel_message *left = a;
	const struct cel_message *right = b;

	return left->offset < right->offset ? -1 : left->offset > right->offset;
}

void cel_messages_write(struct cel_source *source, struct buf *to)
{
	/* insertion keeps messages of one place in the order in which they came */
	for (uint32_t i = 1; i < source->message_count; i++)
		for (uint32_t k = i;
		     k > 0 && by_offset(&source->messages[k - 1], &source->messages[k]) > 0; k--) {
			struct cel_message moved = source->messages[k];

			source->messages[k] = source->messages[k - 1];
			source->messages[k - 1] = moved;
		}
	for (uint32_t i = 0; i < source->message_count; i++) {
		if (i > 0)
			buf_put_char(to, '\n');
		write_message(source, &source->messages[i], to);
	}
	if (source->message_left_out > 0)
		buf_printf(to, "\n%u more errors were truncated", source->message_left_out);
}
