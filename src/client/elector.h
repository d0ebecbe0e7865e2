/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leader election over a coordination.k8s.io/v1 Lease, as several servers on one etcd need it. The
 * holder renews; others wait until the lease has not changed for its duration by their own clock. A
 * leader that cannot renew in time steps down.
 */
#ifndef CUBE_CLIENT_ELECTOR_H
#define CUBE_CLIENT_ELECTOR_H

#include "client/client.h"

struct elector;

struct elector_spec {
	struct str namespace_; /* "kube-system" */
	struct str name;       /* "kube-controller-manager" */
	struct str identity;   /* unique per process */
	void (*on_change)(void *owner, bool leading);
	void *owner;
};

struct elector *elector_new(struct client *client,
			    const struct elector_spec *spec) MUST_CHECK; /* copies; starts */
void elector_free(
	struct elector *elector); /* no callback after it; a held lease is left to expire */
void elector_release(
	struct elector *elector); /* gives the lease up so that another takes over at once */
bool elector_is_leading(const struct elector *elector);

#endif
