/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that Kubernetes restricts: names, labels, keys, addresses. The *_problem functions return
 * NULL when the text is fine, else what goes, in upstream's words, behind "Invalid value: ...: ".
 * When several things are wrong, their messages stand one behind the other with a break after
 * each but (perhaps) the last: field_invalid_*() reports each, others take them apart or join them.
 */
#ifndef CUBE_CODEC_NAME_H
#define CUBE_CODEC_NAME_H

#include <stdbool.h>
#include "base/arena.h"
#include "base/str.h"
#include "codec/limits.h"

#define NAME_PROBLEM_BREAK "\v"

/* The next message of those in rest; false when there is none. */
bool name_next_problem(struct str *rest, struct str *ret_problem);
/* All of them in one text. */
const char *name_problems_in(struct arena *arena, const char *problems, const char *between);

const char *name_label_problem(struct str name);     /* RFC 1123 label */
const char *name_subdomain_problem(struct str name); /* RFC 1123 subdomain */
const char *name_subdomain_wildcard_problem(struct str name);
const char *name_qualified_problem(struct str name); /* "prefix/name" */
const char *name_label_value_problem(struct str value);
const char *name_port_problem(struct str name);	     /* IANA_SVC_NAME */
const char *name_config_key_problem(struct str key); /* ConfigMap and Secret keys */
const char *name_env_problem(struct str name);
const char *name_label1035_problem(struct str name);
const char *name_search_domain_problem(struct str name); /* a subdomain that may hold '_' */
const char *name_path_segment_problem(struct str name);
const char *name_http_header_problem(struct str name);
const char *name_sysctl_problem(struct str name);
const char *
name_csi_driver_problem(struct str name); /* that it is longer than a label is told elsewhere */
/* As NAME_PROBLEM slots of strategies: a prefix (generateName) may end in '-'. */
const char *name_is_label(struct str name, bool is_prefix);
const char *name_is_label1035(struct str name, bool is_prefix);
const char *name_is_subdomain(struct str name, bool is_prefix);
const char *name_is_path_segment(struct str name, bool is_prefix);

#endif
