/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cluster's keys and certificates on disk, laid out as kubeadm does: made at the first start,
 * kept afterwards, serving and client certificates made anew when they are about to expire or no
 * longer fit. Keys are 0600.
 */
#ifndef CUBE_MAIN_PKI_H
#define CUBE_MAIN_PKI_H

#include "base/arena.h"
#include "loop/env.h"
#include "net/x509.h"

struct pki_options {
	struct env *env;
	struct str dir; /* "/etc/kubernetes/pki" */
	const struct str
		*names; /* DNS names and addresses of the API server beyond the fixed ones */
	size_t name_count;
};

struct pki {
	struct x509_pair ca; /* in the arena, all of them */
	struct x509_pair serving;
	struct x509_pair front_ca, front_client; /* towards API servers behind this one */
	struct str account_key_pem; /* signs service accounts' tokens */
	struct str ca_path;
};

extern const char *const pki_file_names[]; /* all there is of it in dir; ends with NULL */

/* Blocks; for start-up. */
int pki_open(const struct pki_options *options, struct arena *arena, struct pki *ret,
	     struct err *err) MUST_CHECK;

/* etcd/ca, etcd/server and its clients' pairs (etcd/healthcheck-client, apiserver-etcd-client), as
 * kubeadm names them. */
struct pki_etcd {
	struct x509_pair ca, server;
};
int pki_open_etcd(const struct pki_options *options, struct arena *arena, struct pki_etcd *ret,
		  struct err *err) MUST_CHECK;

/* Writes a kubeconfig (0600, replaced atomically) for this user unless the one there still works:
 * same authority, same server, certificate not about to expire. */
struct kubeconfig_options {
	struct str path;
	struct str server;	/* "https://127.0.0.1:6443" */
	struct str user, group; /* "kubernetes-admin", "kubeadm:cluster-admins" */
};
int pki_kubeconfig(const struct pki_options *options, const struct pki *pki,
		   const struct kubeconfig_options *config, struct arena *arena,
		   struct err *err) MUST_CHECK;

#endif
