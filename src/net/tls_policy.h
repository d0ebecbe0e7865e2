/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which versions and cipher suites a TLS server takes, chosen by the names that Go's crypto/tls has
 * for them, as the flags of Kubernetes' servers do.
 */
#ifndef CUBE_NET_TLS_POLICY_H
#define CUBE_NET_TLS_POLICY_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct tls_policy {
	int version_min; /* OpenSSL's number */
	const char *
		suites_12; /* OpenSSL's list for versions before 1.3, which has suites of its own */
	struct str_list insecure; /* those chosen that are known to be weak */
	struct str_list absent;	  /* and those that this machine's OpenSSL was built without */
};

/* No names: all that are not known to be weak. version: "VersionTLS12"; empty: that. */
int tls_policy_decode(struct str_list names, struct str version, struct arena *arena,
		      struct tls_policy *ret, struct err *err) MUST_CHECK;

#endif
