/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transport that delivers what watches see late: the order over all its watches is kept, but
 * everything comes after a random delay, while calls are answered at once. A cache that trails
 * behind its owner's own writes is what controllers must live with.
 */
#ifndef CUBE_SIM_SLOW_TRANSPORT_H
#define CUBE_SIM_SLOW_TRANSPORT_H

#include "api/transport.h"
#include "sim/env_sim.h"

struct slow_transport;

/* inner outlives it. */
struct slow_transport *slow_transport_new(struct sim *sim, struct env *env,
					  struct api_transport *inner,
					  int64_t delay_ms_max) MUST_CHECK;
void slow_transport_free(struct slow_transport *slow); /* its watches have been stopped */
struct api_transport *slow_transport_base(struct slow_transport *slow);

#endif
