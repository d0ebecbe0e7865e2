/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image references as Docker and Kubernetes write them. A parsed reference is always complete: "nginx" is
 * docker.io/library/nginx:latest.
 */
#ifndef CUBE_IMAGE_REFERENCE_H
#define CUBE_IMAGE_REFERENCE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define REFERENCE_BYTES_MAX 4096
#define REFERENCE_NAME_BYTES_MAX 255

struct reference {
	struct str domain;   /* "docker.io", "localhost:5000" */
	struct str path;     /* "library/nginx" */
	struct str tag;      /* "latest" when neither tag nor digest was given, else may be empty */
	struct str digest;   /* "sha256:…" or empty */
	struct str name;     /* "docker.io/library/nginx" */
	struct str full;     /* name[:tag][@digest] */
	struct str familiar; /* as Docker shows it: "nginx:latest", "localhost:5000/x:1" */
};

/* Parts are in the arena. Errors are ERR_BAD_REQUEST worded "invalid reference format", "invalid reference format:
 * repository name (library/Foo) must be lowercase" ... */
int reference_parse(struct str text, struct arena *arena, struct reference *ret, struct err *err) MUST_CHECK;

#endif
