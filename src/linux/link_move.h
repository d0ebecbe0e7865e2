/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving a network device from our network namespace into another one. The kernel keeps its MTU, hardware address and
 * alias on the way and drops its addresses; the lasting global ones are added again, and it is up afterwards. Plain
 * rtnetlink(7), for cube-oci links no netlink library. Blocks; returns -errno.
 */
#ifndef CUBE_LINUX_LINK_MOVE_H
#define CUBE_LINUX_LINK_MOVE_H

#include "base/attr.h"

#define LINK_ADDRESSES_MAX 256 /* of one device; -E2BIG beyond */

/* new_name: NULL to keep it. -ENODEV: no such device here; -EEXIST: the other namespace has one of that name. */
int link_move(const char *name, int netns_fd, const char *new_name) MUST_CHECK;

#endif
