/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiler attributes, each spelled once. clang-only ones expand to nothing under gcc.
 */
#ifndef CUBE_BASE_ATTR_H
#define CUBE_BASE_ATTR_H

#define NOINLINE __attribute__((noinline))
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt_index, first_index) __attribute__((format(printf, fmt_index, first_index)))
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define UNUSED __attribute__((unused))
#define NORETURN __attribute__((noreturn))
#define COLD __attribute__((cold))
#define FALLTHROUGH __attribute__((fallthrough))
#define PURE __attribute__((pure))

#ifdef __clang__
#define CAPABILITY(name) __attribute__((capability(name)))
#define IN_ROLE(...) __attribute__((requires_capability(__VA_ARGS__)))
#define TAKES_ROLE(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define LEAVES_ROLE(...) __attribute__((release_capability(__VA_ARGS__)))
#else
#define CAPABILITY(name)
#define IN_ROLE(...)
#define TAKES_ROLE(...)
#define LEAVES_ROLE(...)
#endif

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

#endif
