/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the Kubernetes libraries. */
#ifndef CUBE_CEL_OPAQUE_INTERNAL_H
#define CUBE_CEL_OPAQUE_INTERNAL_H

#include "cel/value_internal.h"

/* An address, or a prefix of so many bits. */
struct cel_ip {
	uint8_t bytes[16];
	uint8_t size; /* 4 or 16 */
	uint8_t bits;
};

struct cel_url {
	struct str text;				      /* as given */
	struct str scheme, host, hostname, port, path, query; /* as they were written */
};

struct cel_semver {
	uint64_t numbers[3];
	struct str pre, build;
};

struct cel_format;
struct cel_check;

struct cel_decision_value {
	enum cel_decision decision;
	struct str reason, error;
};

bool cel_opaque_equal(struct cel_value a, struct cel_value b);
int cel_opaque_compare(struct cel_value a, struct cel_value b); /* as cel_compare; 3 for most */
uint64_t cel_opaque_size(struct cel_value v);

int cel_semver_compare(const struct cel_semver *a, const struct cel_semver *b);
uint64_t cel_format_pattern_size(const struct cel_format *format);

#endif
