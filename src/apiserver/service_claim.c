/* SPDX-License-Identifier: Apache-2.0 */
/* What a Service's spec asks of the cluster's address and port ranges. */
#include "apiserver/service_claim.h"

#include "api/port_set.h"
#include "apiserver/registry.h"
#include "apiserver/service_ledger.h"
#include "apiserver/service_ranges.h"
#include "base/num.h"
#include "codec/json_index.h"

#define SERVICE_FAMILIES_MAX 2

struct service_claim {
	struct service_ledger ledger;
	struct port_set had, taken; /* before, and for this very write */
	uint32_t highest_taken;	    /* 0: none */
};

static bool is_service(const struct operation *op)
{
	return op->kind == &kind_service && !op->subresource.len;
}

static struct service_claim *claim_of(struct operation *op)
{
	if (op->claim)
		return op->claim;
	op->claim = ARENA_NEW(op->arena, struct service_claim);
	ledger_init(&op->claim->ledger, op->registry, op->arena);
	op->claim->ledger.namespace_ = op->namespace_;
	op->claim->ledger.name = op->name;
	JSON_EACH (port, json_get(op->edit.old, "spec.ports"))
		port_set_add(&op->claim->had, json_get_int(port, "nodePort", 0));
	return op->claim;
}

static struct service_ledger *ledger_of(struct operation *op)
{
	return &claim_of(op)->ledger;
}

static void take_port(struct operation *op, uint32_t port)
{
	struct service_claim *claim = claim_of(op);

	port_set_add(&claim->taken, port);
	claim->highest_taken = NUM_MAX(claim->highest_taken, port);
	ledger_take_port(&claim->ledger, port);
}

static bool needs_address(struct str type, struct str cluster_ip)
{
	return !str_eq_c(type, "ExternalName") && !str_eq_c(cluster_ip, "None");
}

static bool needs_node_ports(yyjson_mut_val *spec)
{
	struct str type = json_mut_get_str(spec, "type");

	return str_eq_c(type, "NodePort") ||
	       (str_eq_c(type, "LoadBalancer") &&
		json_mut_get_bool(spec, "allocateLoadBalancerNodePorts", true));
}

static bool needs_health_port(yyjson_mut_val *spec)
{
	return str_eq_c(json_mut_get_str(spec, "type"), "LoadBalancer") &&
	       str_eq_c(json_mut_get_str(spec, "externalTrafficPolicy"), "Local");
}

/* --- addresses --- */

static int refuse_address(struct operation *op, struct str address, const char *why)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "spec"), "clusterIPs");
	struct field_errors errors;

	field_errors_init(&errors, op->arena);
	field_invalid_val(&errors, path, json_mut_get(op->edit.root, "spec.clusterIPs"),
			  str_printf_in(op->arena, "failed to allocate IP " STR_FMT ": %s",
					STR_ARG(address), why)
				  .ptr);
	return operation_take_fields(op, &errors, operation_kind_subject(op));
}

/* Of a dry run upstream asks no more than whether the network has it. */
static int try_address(struct operation *op, struct str address)
{
	const struct address_range *own = service_networks_of(
		&op->registry->networks, str_find_char(address, ':', 0) != SIZE_MAX);
	uint64_t offset;

	if (!own || address_range_offset(own, address, &offset))
		return 0;
	return refuse_address(
		op, address,
		str_printf_in(op->arena,
			      "the provided IP (" STR_FMT ") is not in the valid range. The range "
			      "of valid IPs is " STR_FMT,
			      STR_ARG(address), STR_ARG(address_range_cidr(own, op->arena)))
			.ptr);
}

static int take_given_address(struct operation *op, struct str address)
{
	char text[SERVICE_ADDRESS_BYTES];
	struct str canonical = address_canonical(address, text);

	if (op->dry_run)
		return try_address(op, address);
	if (!service_ranges_hold(op->registry, address, SERVICE_RANGES_READY))
		return refuse_address(op, address,
				      "the provided network does not match the current range");
	if (ledger_has_address(ledger_of(op), canonical))
		return refuse_address(op, address, "provided IP is already allocated");
	ledger_take_address(ledger_of(op), canonical);
	return 0;
}

struct address_choice {
	struct operation *op;
	const struct address_range *range;
	bool is_made;
	char text[SERVICE_ADDRESS_BYTES];
};

static bool is_address_taken(void *arg, uint64_t offset)
{
	struct address_choice *choice = arg;
	char text[SERVICE_ADDRESS_BYTES];

	return ledger_has_address(ledger_of(choice->op),
				  str_from(address_range_text(choice->range, offset, text)));
}

static bool choose_address(void *arg, const struct address_range *range)
{
	struct address_choice *choice = arg;
	uint64_t offset = 0;

	choice->range = range;
	/* a dry run shows the network, as it would not keep an address */
	choice->is_made = choice->op->dry_run ||
			  number_range_pick(&range->offsets, choice->op->registry->env,
					    is_address_taken, choice, &offset);
	if (choice->is_made)
		address_range_text(range, offset, choice->text);
	return !choice->is_made;
}

static int take_any_address(struct operation *op, bool is_v6, yyjson_mut_val *ips)
{
	struct address_choice choice = { .op = op };

	service_ranges_each(op->registry, SERVICE_RANGES_READY, is_v6, choose_address, &choice);
	if (!choice.is_made)
		return refusal_internal(&op->refusal,
					"failed to allocate a serviceIP for Service \"" STR_FMT
					"\": range is full",
					STR_ARG(op->name));
	if (!op->dry_run)
		ledger_take_address(ledger_of(op), str_from(choice.text));
	json_append_str(op->edit.doc, ips, str_from(choice.text));
	return 0;
}

/* One of each family the Service has: those given, and any for the rest. In place of one that it had, none is taken:
 * either it is the same or validation says that it may not change. */
static int take_addresses(struct operation *op, yyjson_mut_val *spec)
{
	size_t had_count = json_get_count(op->edit.old, "spec.clusterIPs"), i = 0;
	yyjson_mut_val *ips;

	if (!needs_address(json_mut_get_str(spec, "type"), json_mut_get_str(spec, "clusterIP")) ||
	    json_mut_get_count(spec, "ipFamilies") > SERVICE_FAMILIES_MAX)
		return 0; /* of which validation tells */
	ips = json_ensure_array(op->edit.doc, spec, "clusterIPs");
	JSON_MUT_EACH (family, json_mut_get(spec, "ipFamilies")) {
		struct str given = json_mut_str(yyjson_mut_arr_get(ips, i++));

		if (given.len && i <= had_count)
			continue;
		if (given.len
			    ? take_given_address(op, given) < 0
			    : take_any_address(op, str_eq_c(json_mut_str(family), "IPv6"), ips) < 0)
			return -1;
	}
	json_set_str(op->edit.doc, spec, "clusterIP", json_mut_str(yyjson_mut_arr_get_first(ips)));
	return 0;
}

/* --- ports --- */

static int refuse_port(struct operation *op, size_t index, int64_t port, const char *why)
{
	const struct field_path *ports = FIELD_NAME(FIELD_NAME(NULL, "spec"), "ports");
	struct field_errors errors;

	field_errors_init(&errors, op->arena);
	field_invalid_int(&errors, FIELD_NAME(FIELD_INDEX(ports, index), "nodePort"), port, why);
	return operation_take_fields(op, &errors, operation_kind_subject(op));
}

static int take_given_port(struct operation *op, size_t index, int64_t number)
{
	const struct number_range *range = &op->registry->node_ports;
	const struct service_claim *claim = claim_of(op);
	char why[100];

	/* TCP and UDP may share a number within one service */
	if (port_set_has(&claim->had, number) || port_set_has(&claim->taken, number))
		return 0;
	if (!number_range_holds(range, (uint64_t)number)) {
		snprintf(why, sizeof(why),
			 "provided port is not in the valid range. The range of valid ports is "
			 "%u-%u",
			 (unsigned)range->first, (unsigned)(range->first + range->count - 1));
		return refuse_port(op, index, number, why);
	}
	if (ledger_has_port(ledger_of(op), (uint32_t)number))
		return refuse_port(op, index, number, "provided port is already allocated");
	take_port(op, (uint32_t)number);
	return 0;
}

static bool is_port_taken(void *arg, uint64_t port)
{
	return ledger_has_port(arg, (uint32_t)port);
}

/* A guess, as upstream's: behind those it has, or from the middle of what ports there are. */
static uint32_t guess_port(struct operation *op)
{
	uint32_t highest = claim_of(op)->highest_taken;

	return highest ? highest + 1 : 32768;
}

static int take_any_port(struct operation *op, yyjson_mut_val *object, const char *field,
			 uint32_t shared)
{
	uint64_t number = shared;

	if (!number && op->dry_run)
		number = guess_port(op);
	else if (!number && !number_range_pick(&op->registry->node_ports, op->registry->env,
					       is_port_taken, ledger_of(op), &number))
		return refusal_internal(&op->refusal,
					"failed to allocate a nodePort: range is full");
	if (!shared)
		take_port(op, (uint32_t)number);
	json_set_int(op->edit.doc, object, field, (int64_t)number);
	return 0;
}

/* More than there could be, with each number used once a protocol: not worth looking at. */
static bool has_too_many_ports(const struct operation *op, yyjson_mut_val *spec)
{
	return json_mut_get_count(spec, "ports") > 3 * (size_t)op->registry->node_ports.count;
}

static struct str port_key(struct arena *arena, yyjson_mut_val *port)
{
	return str_printf_in(arena, "%lld", (long long)json_mut_get_int(port, "port", 0));
}

/* A port of the same number and another protocol that has a node port already shares it. */
static int take_missing_ports(struct operation *op, yyjson_mut_val *ports)
{
	AUTO_JSON_INDEX owners = { .slots = NULL }; /* of node ports, by the number of the port */

	json_index_init(&owners, yyjson_mut_arr_size(ports));
	JSON_MUT_EACH (given, ports)
		if (json_mut_get_int(given, "nodePort", 0))
			(void)json_index_add(&owners, port_key(op->arena, given), given);
	JSON_MUT_EACH (port, ports) {
		yyjson_mut_val *owner;

		if (json_mut_get_int(port, "nodePort", 0))
			continue;
		owner = json_index_get(&owners, port_key(op->arena, port));
		if (take_any_port(op, port, "nodePort",
				  (uint32_t)json_mut_get_int(owner, "nodePort", 0)) < 0)
			return -1;
		(void)json_index_add(&owners, port_key(op->arena, port), port);
	}
	return 0;
}

static int take_health_port(struct operation *op, yyjson_mut_val *spec)
{
	int64_t given = json_mut_get_int(spec, "healthCheckNodePort", 0);
	bool is_there = number_range_holds(&op->registry->node_ports, (uint64_t)given);

	if (!given)
		return take_any_port(op, spec, "healthCheckNodePort", 0);
	if (given == json_get_int(op->edit.old, "spec.healthCheckNodePort", 0))
		return 0;
	if (!is_there || ledger_has_port(ledger_of(op), (uint32_t)given))
		return refusal_internal(&op->refusal,
					"failed to allocate requested HealthCheck NodePort %lld: "
					"%s",
					(long long)given,
					is_there ? "provided port is already allocated"
						 : "provided port is not in the valid range");
	take_port(op, (uint32_t)given);
	return 0;
}

static int take_ports(struct operation *op, yyjson_mut_val *spec)
{
	struct str type = json_mut_get_str(spec, "type");
	yyjson_mut_val *ports = json_mut_get(spec, "ports");
	size_t index = 0;

	if (!str_eq_c(type, "NodePort") && !str_eq_c(type, "LoadBalancer"))
		return 0;
	if (has_too_many_ports(op, spec))
		return refusal_internal(&op->refusal,
					"failed to allocate a nodePort: range is full");
	JSON_MUT_EACH (port, ports) {
		int64_t number = json_mut_get_int(port, "nodePort", 0);

		if (number && take_given_port(op, index, number) < 0)
			return -1;
		index++;
	}
	if (needs_node_ports(spec) && take_missing_ports(op, ports) < 0)
		return -1;
	return needs_health_port(spec) ? take_health_port(op, spec) : 0;
}

/* --- the operation's steps --- */

static int plan_families(struct operation *op)
{
	struct service_families families = service_networks_families(&op->registry->networks);
	struct field_errors errors;

	field_errors_init(&errors, op->arena);
	errors.kind = op->kind;
	service_families_plan(&op->edit, &families, &errors);
	return operation_take_fields(op, &errors, operation_kind_subject(op));
}

static void note_ports(yyjson_mut_val *spec, struct port_set *to)
{
	JSON_MUT_EACH (port, json_mut_get(spec, "ports"))
		port_set_add(to, json_mut_get_int(port, "nodePort", 0));
	port_set_add(to, json_mut_get_int(spec, "healthCheckNodePort", 0));
}

static bool keeps_address(yyjson_mut_val *spec, struct str address)
{
	JSON_MUT_EACH (ip, spec ? json_mut_get(spec, "clusterIPs") : NULL)
		if (str_eq(json_mut_str(ip), address))
			return true;
	return false;
}

/* What the old state holds and the new one (NULL: none) does not. */
static void free_old(struct operation *op, yyjson_mut_val *spec)
{
	struct service_ledger *ledger = ledger_of(op);
	yyjson_val *old = op->edit.old;
	int64_t health = json_get_int(old, "spec.healthCheckNodePort", 0);
	struct port_set kept = { .bits = { 0 } };
	char text[SERVICE_ADDRESS_BYTES];

	if (spec)
		note_ports(spec, &kept);
	JSON_EACH (ip, json_get(old, "spec.clusterIPs"))
		if (!str_eq_c(json_str(ip), "None") && !keeps_address(spec, json_str(ip)))
			ledger_free_address(ledger, address_canonical(json_str(ip), text));
	JSON_EACH (port, json_get(old, "spec.ports")) {
		int64_t number = json_get_int(port, "nodePort", 0);

		if (number && !port_set_has(&kept, number))
			ledger_free_port(ledger, (uint32_t)number);
	}
	if (health && !port_set_has(&kept, health))
		ledger_free_port(ledger, (uint32_t)health);
	ledger_close(ledger);
}

static int take(struct operation *op)
{
	yyjson_mut_val *spec = json_mut_get(op->edit.root, "spec");

	service_claim_drop(op);
	if (take_addresses(op, spec) < 0 || take_ports(op, spec) < 0)
		return -1;
	free_old(op, spec);
	return 0;
}

int service_claim_take(struct operation *op)
{
	if (!is_service(op))
		return 0;
	return plan_families(op) < 0 ? -1 : take(op);
}

/* What it has now is asked for as if its writer had named it; others may have come first. */
bool service_claim_holds(struct operation *op)
{
	if (!op->claim || op->dry_run || ledger_is_current(&op->claim->ledger))
		return true;
	if (take(op) == 0)
		return true;
	refusal_init(&op->refusal, op->arena);
	return false;
}

void service_claim_remove(struct operation *op)
{
	if (!is_service(op))
		return;
	service_claim_drop(op);
	free_old(op, NULL);
}

void service_claim_drop(struct operation *op)
{
	if (op->claim)
		ledger_drop(&op->claim->ledger);
	op->claim = NULL;
}

const struct operation_charge *service_claim_charges(const struct operation *op, size_t *ret_count)
{
	*ret_count = op->claim ? op->claim->ledger.charge_count : 0;
	return op->claim ? op->claim->ledger.charges : NULL;
}
