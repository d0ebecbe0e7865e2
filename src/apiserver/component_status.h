/* SPDX-License-Identifier: Apache-2.0 */
/* ComponentStatus: how the parts of the cluster's control plane are that this process is made of.
 * Nothing of it is stored: it is asked for and answered. */
#ifndef CUBE_APISERVER_COMPONENT_STATUS_H
#define CUBE_APISERVER_COMPONENT_STATUS_H

#include <stddef.h>
#include "base/blob.h"

struct apiserver;
struct kind;

bool component_status_is(const struct kind *kind) PURE;
/* One of them by its place, in the order of their names; NULL: there are no more. A reference. */
struct blob *component_status_at(const struct apiserver *s, size_t index) MUST_CHECK;

#endif
