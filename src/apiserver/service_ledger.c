/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPAddress objects are upstream's, label by label. Of the ports upstream keeps one
 * RangeAllocation, too; this one has a key of its own, because a kube-apiserver that has the same
 * etcd gives ports out before it writes the Service, and takes back what it knows no Service for.
 */
#include "apiserver/service_ledger.h"

#include <stdio.h>
#include "apiserver/registry.h"
#include "base/time.h"
#include "codec/base64.h"
#include "loop/env.h"

#define PORTS_KEY STR("/registry/ranges/nodeports")

static struct operation_charge *add_charge(struct service_ledger *l, struct str key,
					   int64_t expected_revision)
{
	struct operation_charge *charges = l->charges;

	if (l->charge_count == l->charge_cap) {
		l->charge_cap = l->charge_cap ? l->charge_cap * 2 : 2;
		charges = arena_array(l->arena, l->charge_cap, sizeof(charges[0]));
		if (l->charge_count)
			memcpy(charges, l->charges, l->charge_count * sizeof(charges[0]));
		l->charges = charges;
	}
	charges[l->charge_count] = (struct operation_charge){
		.key = key, .expected_revision = expected_revision
	};
	return &charges[l->charge_count++];
}

/* --- addresses --- */

void ledger_init(struct service_ledger *l, struct registry *registry, struct arena *arena)
{
	*l = (struct service_ledger){
		.registry = registry,
		.arena = arena,
		.address_prefix = registry_prefix(arena, &kind_ipaddress),
	};
}

#define ADDRESS_KEY_BYTES (64 + SERVICE_ADDRESS_BYTES)

/* In to: whoever looks for a free one may ask for many. */
static struct str address_key(const struct service_ledger *l, struct str address,
			      char to[ADDRESS_KEY_BYTES])
{
	snprintf(to, ADDRESS_KEY_BYTES, STR_FMT STR_FMT, STR_ARG(l->address_prefix),
		 STR_ARG(address));
	return str_from(to);
}

bool ledger_has_address(struct service_ledger *l, struct str address)
{
	char key[ADDRESS_KEY_BYTES];

	return registry_exists(l->registry, address_key(l, address, key));
}

static yyjson_mut_doc *address_object(struct service_ledger *l, struct str address)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *part;
	char uid[ENV_UUID_BYTES], now[TIME_TEXT_BYTES];

	env_uuid(l->registry->env, uid);
	json_set_str(doc, root, "kind", STR("IPAddress"));
	json_set_str(doc, root, "apiVersion", STR("networking.k8s.io/v1"));
	part = json_set_object(doc, root, "metadata");
	json_set_str(doc, part, "name", address);
	json_set_str(doc, part, "uid", str_from(uid));
	json_set_str(doc, part, "creationTimestamp",
		     str_from(time_format(env_wall_ns(l->registry->env), now)));
	part = json_set_object(doc, part, "labels");
	json_set_str(doc, part, "ipaddress.kubernetes.io/ip-family",
		     str_find_char(address, ':', 0) != SIZE_MAX ? STR("IPv6") : STR("IPv4"));
	json_set_str(doc, part, "ipaddress.kubernetes.io/managed-by", STR("ipallocator.k8s.io"));
	part = json_set_object(doc, json_set_object(doc, root, "spec"), "parentRef");
	json_set_str(doc, part, "resource", STR("services"));
	json_set_str(doc, part, "namespace", l->namespace_);
	json_set_str(doc, part, "name", l->name);
	return doc;
}

void ledger_take_address(struct service_ledger *l, struct str address)
{
	char key[ADDRESS_KEY_BYTES];
	struct operation_charge *charge = add_charge(
		l, str_in(l->arena, address_key(l, address, key)), STORE_REVISION_NONE);

	charge->doc = address_object(l, address);
}

void ledger_free_address(struct service_ledger *l, struct str address)
{
	char text[ADDRESS_KEY_BYTES];
	struct str key = str_in(l->arena, address_key(l, address, text));
	const struct store_entry *entry = registry_pending(l->registry, key);
	const struct obj *held = entry ? obj_of(entry->value, NULL) : NULL;
	yyjson_val *parent = held ? json_get(held->root, "spec.parentRef") : NULL;

	if (!str_eq_c(json_get_str(parent, "resource"), "services") ||
	    !str_eq(json_get_str(parent, "namespace"), l->namespace_) ||
	    !str_eq(json_get_str(parent, "name"), l->name))
		return;
	add_charge(l, key, entry->mod_revision)->removed = blob_ref(entry->value);
}

/* --- ports --- */

static size_t ports_bytes(const struct service_ledger *l)
{
	return (l->registry->node_ports.count + 7) / 8;
}

/* As a big number, as upstream does: bit 0 is in the last byte. */
static void turn(uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		uint8_t byte = bytes[i];

		bytes[i] = bytes[count - 1 - i];
		bytes[count - 1 - i] = byte;
	}
}

static void read_ports(struct service_ledger *l)
{
	const struct store_entry *entry;
	const struct obj *held;
	AUTO_BUF bytes = { 0 };

	if (l->ports)
		return;
	l->ports = arena_array(l->arena, ports_bytes(l), 1);
	memset(l->ports, 0, ports_bytes(l));
	entry = registry_pending(l->registry, PORTS_KEY);
	l->ports_revision = entry ? entry->mod_revision : STORE_REVISION_NONE;
	held = entry ? obj_of(entry->value, NULL) : NULL;
	buf_init(&bytes, ports_bytes(l) + 3);
	/* What is no bitmap of this range counts for nothing: the repair writes it anew. */
	if (!held || base64_decode(json_get_str(held->root, "data"), &bytes, NULL) < 0 ||
	    bytes.len != ports_bytes(l))
		return;
	memcpy(l->ports, bytes.ptr, bytes.len);
	turn(l->ports, bytes.len);
}

bool ledger_has_port(struct service_ledger *l, uint32_t port)
{
	uint32_t index = port - (uint32_t)l->registry->node_ports.first;

	read_ports(l);
	return number_range_holds(&l->registry->node_ports, port) &&
	       (l->ports[index / 8] >> index % 8 & 1);
}

static void set_port(struct service_ledger *l, uint32_t port, bool is_taken)
{
	uint32_t index = port - (uint32_t)l->registry->node_ports.first;

	if (!number_range_holds(&l->registry->node_ports, port) ||
	    ledger_has_port(l, port) == is_taken)
		return;
	l->ports[index / 8] ^= (uint8_t)(1u << index % 8);
	l->is_ports_changed = true;
}

void ledger_take_port(struct service_ledger *l, uint32_t port)
{
	set_port(l, port, true);
}

void ledger_free_port(struct service_ledger *l, uint32_t port)
{
	set_port(l, port, false);
}

void ledger_close(struct service_ledger *l)
{
	const struct number_range *range = &l->registry->node_ports;
	struct operation_charge *charge;
	yyjson_mut_val *root;
	AUTO_BUF text = { 0 };

	if (!l->is_ports_changed)
		return;
	l->is_ports_changed = false;
	charge = add_charge(l, PORTS_KEY, l->ports_revision);
	charge->doc = json_new_object();
	root = yyjson_mut_doc_get_root(charge->doc);
	json_set_str(charge->doc, root, "kind", STR("RangeAllocation"));
	json_set_str(charge->doc, root, "apiVersion", STR("v1"));
	json_set_str(charge->doc, json_set_object(charge->doc, root, "metadata"), "name",
		     STR("nodeports"));
	json_set_str(charge->doc, root, "range",
		     str_printf_in(l->arena, "%u-%u", (unsigned)range->first,
				   (unsigned)(range->first + range->count - 1)));
	turn(l->ports, ports_bytes(l));
	buf_init(&text, ports_bytes(l) * 2);
	base64_encode(str_sub((const char *)l->ports, ports_bytes(l)), &text);
	json_set_str(charge->doc, root, "data", buf_str(&text));
	turn(l->ports, ports_bytes(l));
}

bool ledger_is_current(const struct service_ledger *l)
{
	for (size_t i = 0; i < l->charge_count; i++) {
		const struct operation_charge *charge = &l->charges[i];
		const struct store_entry *entry = registry_pending(l->registry, charge->key);

		if ((entry ? entry->mod_revision : STORE_REVISION_NONE) != charge->expected_revision)
			return false;
	}
	return true;
}

void ledger_drop(struct service_ledger *l)
{
	for (size_t i = 0; i < l->charge_count; i++) {
		json_mut_free(l->charges[i].doc);
		blob_unref(l->charges[i].removed);
	}
	l->charge_count = 0;
}
