/* SPDX-License-Identifier: Apache-2.0 */
/* File names as text: no file system access. */
#ifndef CUBE_BASE_PATH_H
#define CUBE_BASE_PATH_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct str path_join(struct arena *arena, struct str dir, struct str name); /* exactly one '/' between */
struct str path_base(struct str path) PURE;                                 /* "c" of "/a/b/c" and "/a/b/c/" */
struct str path_dir(struct str path) PURE;                                  /* "/a/b" of "/a/b/c"; as POSIX */
/* Resolves ".", ".." and "//" textually; ".." never climbs above "/" of an absolute path. */
struct str path_clean(struct arena *arena, struct str path);
bool path_is_absolute(struct str path) PURE;
/* True when path is dir or lies below it; both cleaned. */
bool path_is_below(struct str path, struct str dir) PURE;
/* A single safe file name: not empty, ".", "..", no '/' and no NUL, at most 255 bytes. */
bool path_is_name(struct str name) PURE;

#endif
