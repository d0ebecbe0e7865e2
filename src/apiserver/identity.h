/* SPDX-License-Identifier: Apache-2.0 */
/* The name by which an API server among several is known, in its Lease and in metrics. */
#ifndef CUBE_APISERVER_IDENTITY_H
#define CUBE_APISERVER_IDENTITY_H

#include "base/str.h"

#define IDENTITY_BYTES 40

/* "apiserver-" and what upstream makes of the machine's name; returns to. */
const char *identity_of(struct str hostname, char to[IDENTITY_BYTES]);

#endif
