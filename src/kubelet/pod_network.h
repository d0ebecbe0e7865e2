/* SPDX-License-Identifier: Apache-2.0 */
/* Names inside a pod: hostname, /etc/hosts, /etc/resolv.conf. Pure; results live in the arena. */
#ifndef CUBE_KUBELET_POD_NETWORK_H
#define CUBE_KUBELET_POD_NETWORK_H

#include "kubelet/pod_spec.h"

/* At most 63 characters. *ret_domain is empty without a subdomain. */
void pod_hostname(const struct pod_spec *spec, struct str cluster_domain, struct arena *arena,
		  struct str *ret_host, struct str *ret_domain);
/* Content of the managed hosts file; with hostNetwork the host's file goes before the aliases. */
struct str pod_hosts(const struct pod_spec *spec, struct str address, struct str cluster_domain,
		     struct str host_file, struct arena *arena);
/* By dnsPolicy and dnsConfig. cluster_dns empty = as for Default. host_conf is the host's file. */
struct str pod_resolv_conf(const struct pod_spec *spec, struct str cluster_dns,
			   struct str cluster_domain, struct str host_conf, struct arena *arena);

#endif
