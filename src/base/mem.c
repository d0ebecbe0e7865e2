/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heap memory that aborts instead of returning NULL, so that no caller has an untested branch for it. Sizes that
 * overflow abort as well: they can only come from our own arithmetic.
 */
#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static COLD NORETURN void out_of_memory(size_t size_bytes)
{
	fprintf(stderr, "out of memory: %zu bytes\n", size_bytes);
	abort();
}

static size_t checked_product(size_t count, size_t size_bytes)
{
	size_t total;

	if (__builtin_mul_overflow(count, size_bytes, &total))
		out_of_memory(SIZE_MAX);
	return total;
}

void *mem_alloc(size_t size_bytes)
{
	void *ptr = malloc(size_bytes ? size_bytes : 1);

	if (!ptr)
		out_of_memory(size_bytes);
	return ptr;
}

void *mem_zalloc(size_t size_bytes)
{
	return mem_calloc(1, size_bytes);
}

void *mem_calloc(size_t count, size_t size_bytes)
{
	size_t total = checked_product(count, size_bytes);
	void *ptr = calloc(1, total ? total : 1);

	if (!ptr)
		out_of_memory(total);
	return ptr;
}

void *mem_realloc(void *ptr, size_t size_bytes)
{
	void *moved = realloc(ptr, size_bytes ? size_bytes : 1);

	if (!moved)
		out_of_memory(size_bytes);
	return moved;
}

void *mem_realloc_array(void *ptr, size_t count, size_t size_bytes)
{
	return mem_realloc(ptr, checked_product(count, size_bytes));
}

void *mem_dup(const void *ptr, size_t size_bytes)
{
	void *copy = mem_alloc(size_bytes);

	if (size_bytes)
		memcpy(copy, ptr, size_bytes);
	return copy;
}

char *mem_strdup(const char *s)
{
	return mem_dup(s, strlen(s) + 1);
}

char *mem_printf(const char *fmt, ...)
{
	va_list ap;
	char *text;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		out_of_memory(0);
	text = mem_alloc((size_t)len + 1);
	va_start(ap, fmt);
	vsnprintf(text, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return text;
}

void mem_free(void *ptr)
{
	free(ptr);
}

void mem_wipe(void *ptr, size_t size_bytes)
{
	if (size_bytes)
		explicit_bzero(ptr, size_bytes);
}

int mem_equal_secret(const void *a, const void *b, size_t size_bytes)
{
	const volatile unsigned char *left = a, *right = b;
	unsigned char different = 0;

	for (size_t i = 0; i < size_bytes; i++)
		different |= (unsigned char)(left[i] ^ right[i]);
	return different == 0;
}

void mem_free_at(void *ptr_to_ptr)
{
	void *ptr;

	memcpy(&ptr, ptr_to_ptr, sizeof(ptr));
	free(ptr);
}
