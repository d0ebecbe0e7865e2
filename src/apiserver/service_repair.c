/* SPDX-License-Identifier: Apache-2.0 */
/* Each correction is a write of its own under the condition that nobody else made it meanwhile. */
#include "apiserver/service_repair.h"

#include "apiserver/registry.h"
#include "apiserver/service_ranges.h"
#include "base/log.h"

#define INTERVAL_MS (3 * 60 * 1000) /* as upstream */
#define SLACK_MS (30 * 1000)
#define TRIES_MAX 10 /* of a round that others wrote into */

static const char seen;

struct round {
	struct service_repair *repair;
	struct service_ledger ledger;
	struct map addresses; /* that some Service has */
	uint8_t *ports;	      /* bit i: likewise */
	struct map idle;
};

struct correction {
	struct store_write write;
	struct store_op op;
	struct service_repair *repair;
};

static void note_port(struct round *r, int64_t port)
{
	const struct number_range *range = &r->repair->registry->node_ports;

	if (port <= 0 || port > UINT16_MAX || !number_range_holds(range, (uint32_t)port))
		return;
	r->ports[((uint32_t)(port - (int64_t)range->first)) / 8] |=
		(uint8_t)(1u << ((uint32_t)(port - (int64_t)range->first)) % 8);
	ledger_take_port(&r->ledger, (uint32_t)port);
}

static bool note_service(void *arg, const struct obj *service)
{
	struct round *r = arg;
	char text[SERVICE_ADDRESS_BYTES];

	r->ledger.namespace_ = service->namespace_;
	r->ledger.name = service->name;
	JSON_EACH (ip, json_get(service->root, "spec.clusterIPs")) {
		struct str address = address_canonical(json_str(ip), text);

		if (str_eq_c(address, "None"))
			continue;
		if (map_put(&r->addresses, address, (void *)&seen))
			log_error("apiserver",
				  "the cluster IP " STR_FMT " of service " STR_FMT "/" STR_FMT
				  " is another's as well; make one of them anew",
				  STR_ARG(json_str(ip)), STR_ARG(service->namespace_),
				  STR_ARG(service->name));
		else if (service_ranges_hold(r->repair->registry, address, SERVICE_RANGES_ALL) &&
			 !ledger_has_address(&r->ledger, address))
			ledger_take_address(&r->ledger, address);
	}
	JSON_EACH (port, json_get(service->root, "spec.ports"))
		note_port(r, json_get_int(port, "nodePort", 0));
	note_port(r, json_get_int(service->root, "spec.healthCheckNodePort", 0));
	return true;
}

/* True when it was without a Service in the round before, too. */
static bool is_idle_again(struct round *r, struct str key)
{
	map_put(&r->idle, key, (void *)&seen);
	return map_get(&r->repair->idle, key) != NULL;
}

static bool note_address(void *arg, const struct obj *address)
{
	struct round *r = arg;
	yyjson_val *parent = json_get(address->root, "spec.parentRef");

	if (!str_eq_c(
		    json_str(json_key(address->labels, STR("ipaddress.kubernetes.io/managed-by"))),
		    "ipallocator.k8s.io") ||
	    map_get(&r->addresses, address->name) || !is_idle_again(r, address->name))
		return true;
	r->ledger.namespace_ = json_get_str(parent, "namespace");
	r->ledger.name = json_get_str(parent, "name");
	ledger_free_address(&r->ledger, address->name);
	return true;
}

static void note_idle_ports(struct round *r)
{
	const struct number_range *range = &r->repair->registry->node_ports;
	char key[16];

	for (uint32_t i = 0; i < range->count; i++) {
		if ((r->ports[i / 8] >> i % 8 & 1) ||
		    !ledger_has_port(&r->ledger, (uint32_t)range->first + i))
			continue;
		snprintf(key, sizeof(key), "%u", (unsigned)range->first + i);
		if (is_idle_again(r, str_from(key)))
			ledger_free_port(&r->ledger, (uint32_t)range->first + i);
	}
}

static void run_round(struct service_repair *repair);

static void end_round(struct service_repair *repair)
{
	if (repair->is_behind && ++repair->tries < TRIES_MAX) {
		run_round(repair);
		return;
	}
	if (repair->err.code != ERR_CLOSED)
		timer_start_slack(&repair->timer, INTERVAL_MS, SLACK_MS);
	if (repair->is_ready)
		return;
	repair->is_ready = true;
	repair->done(repair, repair->err.code ? &repair->err : NULL);
}

static void on_corrected(struct store_write *write, int64_t revision, struct err *err)
{
	struct service_repair *repair = CONTAINER_OF(write, struct correction, write)->repair;

	if (err &&
	    (err->code == ERR_EXISTS || err->code == ERR_CONFLICT || err->code == ERR_NOT_FOUND))
		repair->is_behind = true;
	else if (err)
		repair->err = *err;
	if (--repair->left_count == 0)
		end_round(repair);
}

static void submit(struct service_repair *repair, const struct service_ledger *ledger)
{
	struct correction *all = arena_array(&repair->arena, ledger->charge_count, sizeof(all[0]));

	repair->left_count = ledger->charge_count;
	for (size_t i = 0; i < ledger->charge_count; i++) {
		all[i].repair = repair;
		all[i].op = operation_charge_op(&ledger->charges[i]);
		all[i].write = (struct store_write){ .ops = &all[i].op,
						     .op_count = 1,
						     .done = on_corrected };
	}
	for (size_t i = 0; i < ledger->charge_count; i++)
		store_submit(repair->registry->store, &all[i].write);
}

static void run_round(struct service_repair *repair)
{
	struct registry *registry = repair->registry;
	struct round r = { .repair = repair };

	ledger_drop(&repair->ledger);
	arena_reset(&repair->arena);
	repair->is_behind = false;
	repair->err = (struct err){ 0 };
	map_init(&r.idle);
	map_init(&r.addresses);
	ledger_init(&r.ledger, registry, &repair->arena);
	r.ports = arena_alloc(&repair->arena, registry->node_ports.count / 8 + 1);
	registry_each(registry, &kind_service, STR_NONE, note_service, &r);
	registry_each(registry, &kind_ipaddress, STR_NONE, note_address, &r);
	note_idle_ports(&r);
	ledger_close(&r.ledger);
	map_deinit(&r.addresses);
	map_deinit(&repair->idle);
	repair->idle = r.idle;
	repair->ledger = r.ledger;
	if (!r.ledger.charge_count) {
		end_round(repair);
		return;
	}
	log_info("apiserver", "%zu corrections to what addresses and ports of services are taken",
		 r.ledger.charge_count);
	submit(repair, &repair->ledger);
}

static void on_due(struct timer *timer)
{
	struct service_repair *repair = CONTAINER_OF(timer, struct service_repair, timer);

	repair->tries = 0;
	run_round(repair);
}

void service_repair_start(struct service_repair *repair)
{
	arena_init(&repair->arena, ARENA_DEFAULT_MAX);
	map_init(&repair->idle);
	timer_init(&repair->timer, repair->registry->env, on_due);
	repair->is_started = true;
	run_round(repair);
}

void service_repair_stop(struct service_repair *repair)
{
	if (!repair->is_started)
		return;
	timer_stop(&repair->timer);
	ledger_drop(&repair->ledger);
	map_deinit(&repair->idle);
	arena_deinit(&repair->arena);
	repair->is_started = false;
}
