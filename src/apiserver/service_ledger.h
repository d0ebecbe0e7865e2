/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses and node ports are given out: an IPAddress for each address, one bitmap for all
 * ports. It lies in the store and is written in the very transaction of the Service that takes or
 * frees them, so that of two servers that pick the same one at most one succeeds; the other decides
 * again. The pending state is asked, so a server's own writes in flight count.
 */
#ifndef CUBE_APISERVER_SERVICE_LEDGER_H
#define CUBE_APISERVER_SERVICE_LEDGER_H

#include "apiserver/operation.h"

/* What one write does to the ledger. */
struct service_ledger {
	struct registry *registry;
	struct arena *arena;
	struct str namespace_, name; /* of the Service */
	struct str address_prefix;   /* of IPAddress keys */
	struct operation_charge *charges;
	size_t charge_count, charge_cap;
	uint8_t *ports; /* bit i: node_ports.first + i; NULL: not looked at yet */
	int64_t ports_revision;
	bool is_ports_changed;
};

void ledger_init(struct service_ledger *ledger, struct registry *registry, struct arena *arena);
/* Addresses are canonical ones. */
bool ledger_has_address(struct service_ledger *ledger, struct str address);
void ledger_take_address(struct service_ledger *ledger, struct str address);
void ledger_free_address(struct service_ledger *ledger, struct str address); /* of another: stays */
bool ledger_has_port(struct service_ledger *ledger, uint32_t port);
void ledger_take_port(struct service_ledger *ledger, uint32_t port);
void ledger_free_port(struct service_ledger *ledger, uint32_t port);
/* Adds the charge for the ports; after this, charges is complete. */
void ledger_close(struct service_ledger *ledger);
/* Whether what the charges are made of is as it was then. */
bool ledger_is_current(const struct service_ledger *ledger);
/* Gives back what the charges own. */
void ledger_drop(struct service_ledger *ledger);

#endif
