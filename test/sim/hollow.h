/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node without containers: registers, renews its lease, marks its pods running after a while and
 * deletes those that are being deleted after a while. What runs on it survives crashes of the
 * control plane; it connects again afterwards.
 */
#ifndef CUBE_SIM_HOLLOW_H
#define CUBE_SIM_HOLLOW_H

#include "client/client.h"
#include "sim/env_sim.h"

struct hollow;

struct hollow *hollow_new(struct sim *sim, const char *name) MUST_CHECK;
void hollow_connect(struct hollow *hollow, struct api_transport *transport);
void hollow_disconnect(struct hollow *hollow); /* watches stop; the transport may die after it */
void hollow_forget(
	struct hollow *hollow); /* the transport has died: drops what was in flight on it */
void hollow_kill(struct sim *sim,
		 struct hollow *hollow); /* the machine is gone for good; its connection with it */
bool hollow_is_dead(const struct hollow *hollow);
void hollow_free(struct hollow *hollow);
size_t hollow_pod_count(const struct hollow *hollow);

#endif
