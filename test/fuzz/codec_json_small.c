/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in for libyyjson in static programs, against libyyjson itself: whatever the bytes,
 * both read them as the same tree or both refuse them; and a copy of the tree, written, is read as
 * that tree again.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* The library's, which this program's own hide from the linker. */
struct library {
	yyjson_doc *(*read)(char *text, size_t len, yyjson_read_flag flags, const yyjson_alc *alc,
			    yyjson_read_err *err);
	char *(*write)(const yyjson_doc *doc, yyjson_write_flag flags, const yyjson_alc *alc,
		       size_t *len, yyjson_write_err *err);
};

static struct library open_library(void)
{
	void *handle = dlopen("libyyjson.so.0", RTLD_NOW | RTLD_LOCAL);
	struct library library;

	ASSERT(handle);
	library.read = (__typeof__(library.read))dlsym(handle, "yyjson_read_opts");
	library.write = (__typeof__(library.write))dlsym(handle, "yyjson_write_opts");
	ASSERT(library.read && library.write && library.read != yyjson_read_opts);
	return library;
}

static void check_written(const struct library *library, yyjson_doc *doc, yyjson_write_flag flags,
			  const char *want)
{
	yyjson_mut_doc *copy = yyjson_mut_doc_new(NULL);
	yyjson_doc *again;
	char *text, *normal;
	size_t len;

	yyjson_mut_doc_set_root(copy, yyjson_val_mut_copy(copy, yyjson_doc_get_root(doc)));
	text = yyjson_mut_write(copy, flags, &len);
	yyjson_mut_doc_free(copy);
	ASSERT(strlen(text) == len);
	again = library->read(text, len, 0, NULL, NULL);
	ASSERT(again);
	normal = library->write(again, 0, NULL, NULL, NULL);
	ASSERT(normal && strcmp(normal, want) == 0);
	yyjson_doc_free(again);
	free(normal);
	free(text);
}

/* Of what is written here, nothing is nested as deep as what is read. */
static bool is_deep(const uint8_t *bytes, size_t len)
{
	size_t open = 0;

	for (size_t i = 0; i < len; i++)
		open += bytes[i] == '[' || bytes[i] == '{';
	return open >= 200;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct library library;
	yyjson_doc *ours, *theirs;
	yyjson_read_err err = { 0 };
	char *text, *want, *got;

	if (!library.read)
		library = open_library();
	text = malloc(len + 1);
	memcpy(text, bytes, len);
	ours = yyjson_read_opts(text, len, 0, NULL, &err);
	theirs = library.read(text, len, 0, NULL, NULL);
	ASSERT(!ours == !theirs);
	ASSERT(ours || (err.msg && err.pos <= len));
	free(text);
	if (!ours)
		return 0;
	ASSERT(yyjson_doc_get_val_count(ours) == yyjson_doc_get_val_count(theirs));
	want = library.write(theirs, 0, NULL, NULL, NULL);
	got = library.write(ours, 0, NULL, NULL, NULL);
	ASSERT(want && got && strcmp(want, got) == 0);
	if (!is_deep(bytes, len)) {
		check_written(&library, ours, 0, want);
		check_written(&library, ours,
			      YYJSON_WRITE_PRETTY_TWO_SPACES | YYJSON_WRITE_NEWLINE_AT_END, want);
	}
	free(want);
	free(got);
	yyjson_doc_free(ours);
	yyjson_doc_free(theirs);
	return 0;
}
