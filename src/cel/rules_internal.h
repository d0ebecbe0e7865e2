/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled rules: a tree as the schema's, without the branches that have none. */
#ifndef CUBE_CEL_RULES_INTERNAL_H
#define CUBE_CEL_RULES_INTERNAL_H

#include "cel/rules.h"

struct cel_rule {
	struct str text, message, message_expression, field_path;
	enum cel_reason reason;
	const struct cel_program *program, *message_program;
	bool uses_old;
	bool optional_old; /* optionalOldSelf: oldSelf is an optional */
};

struct cel_rules_member {
	struct str name; /* in JSON */
	const struct cel_rules *rules;
};

struct cel_rules {
	const struct cel_type *type;
	struct str schema_type; /* "object" */
	struct cel_rule *rules;
	size_t rule_count;
	struct cel_rules_member *properties;
	size_t property_count;
	const struct cel_rules *items, *additional;
	bool foreign_map; /* values below have no old one that they stand for */
};

#endif
