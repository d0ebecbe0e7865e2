/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heap memory. Allocation cannot fail: running out of memory aborts the process (the store is crash-safe and
 * containers live outside it). Growth can: what grows with input has a named _max at its owner.
 */
#ifndef CUBE_BASE_MEM_H
#define CUBE_BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>
#include "base/attr.h"

void *mem_alloc(size_t size_bytes) MUST_CHECK;                      /* not cleared */
void *mem_zalloc(size_t size_bytes) MUST_CHECK;                     /* cleared */
void *mem_calloc(size_t count, size_t size_bytes) MUST_CHECK;       /* cleared; aborts on overflow */
void *mem_realloc(void *ptr, size_t size_bytes) MUST_CHECK;
void *mem_realloc_array(void *ptr, size_t count, size_t size_bytes) MUST_CHECK;
void *mem_dup(const void *ptr, size_t size_bytes) MUST_CHECK;
char *mem_strdup(const char *s) MUST_CHECK;
char *mem_printf(const char *fmt, ...) PRINTF_LIKE(1, 2) MUST_CHECK;
void mem_free(void *ptr);                                           /* NULL is fine */
/* Overwrites secrets before they go out of scope; the compiler cannot drop it. */
void mem_wipe(void *ptr, size_t size_bytes);
/* True when equal; takes the same time wherever the first difference is. For secrets. */
int mem_equal_secret(const void *a, const void *b, size_t size_bytes) MUST_CHECK;

#define NEW(type) ((type *)mem_zalloc(sizeof(type)))

/* AUTO_FREE char *s = ...: freed on every return. */
void mem_free_at(void *ptr_to_ptr);
#define AUTO_FREE CLEANUP(mem_free_at)
/* Moves ownership out of an AUTO_FREE variable. */
#define TAKE(ptr) ({ __typeof__(ptr) take_ptr_ = (ptr); (ptr) = NULL; take_ptr_; })

#endif
