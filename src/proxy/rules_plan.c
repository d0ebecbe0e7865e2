/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table: maps lead from an address and port to one chain per service port, so that the cost of
 * a packet does not grow with the number of services. All chains are flushed and written again in
 * one transaction; established connections do not notice, and sets that remember clients (session
 * affinity) are kept.
 */
#include "proxy/rules_plan.h"

#include <arpa/inet.h>

#include "base/map.h"
#include "codec/nft.h"
#include "proxy/limits.h"

#define KEY_TYPE "ipv4_addr . inet_proto . inet_service"
#define NODE_KEY_TYPE "inet_proto . inet_service"

static const struct {
	const char *name, *hook;
} base_chains[] = {
	{ "services", "" },
	{ "refuse", "" },
	{ "guard", "type filter hook prerouting priority -300; policy accept;" },
	{ "prerouting", "type nat hook prerouting priority -100; policy accept;" },
	{ "output", "type nat hook output priority -100; policy accept;" },
	{ "postrouting", "type nat hook postrouting priority 100; policy accept;" },
	{ "refuse-input", "type filter hook input priority 0; policy accept;" },
	{ "refuse-forward", "type filter hook forward priority 0; policy accept;" },
	{ "refuse-output", "type filter hook output priority 0; policy accept;" },
};

static const struct {
	const char *name, *type;
	bool map;
} base_sets[] = {
	{ "service-ips", KEY_TYPE " : verdict", true },
	{ "node-ports", NODE_KEY_TYPE " : verdict", true },
	{ "no-endpoints", KEY_TYPE, false },
	{ "no-node-endpoints", NODE_KEY_TYPE, false },
	{ "hairpin", "ipv4_addr . ipv4_addr", false },
};

struct plan {
	struct arena *arena;
	const struct rules_node *node;
	const struct rules_service *services;
	size_t service_count;
	struct nft nft;
	struct rules_names names;
	size_t chain_room, set_room;
};

struct address_text {
	char text[INET_ADDRSTRLEN];
};

static struct address_text address_text(struct in_addr address)
{
	struct address_text t;

	(void)inet_ntop(AF_INET, &address, t.text,
			sizeof(t.text)); /* cannot fail: the room is right */
	return t;
}
#define ADDRESS(a) address_text(a).text

static void push(struct arena *arena, struct str **list, size_t *count, size_t *room,
		 struct str name)
{
	if (*count == *room) {
		size_t more = *room ? *room * 2 : 32;
		struct str *grown = arena_array(arena, more, sizeof(*grown));

		if (*count)
			memcpy(grown, *list, *count * sizeof(*grown));
		*list = grown;
		*room = more;
	}
	(*list)[(*count)++] = name;
}

/* Makes sure the chain is there and empty. */
static void fresh_chain(struct plan *p, struct str name)
{
	nft_add_chain(&p->nft, name, "");
	nft_flush_chain(&p->nft, name);
	push(p->arena, &p->names.chains, &p->names.chain_count, &p->chain_room, name);
}

static struct str name_of(struct plan *p, const char *prefix, struct str port_name)
{
	return str_printf_in(p->arena, "%s/" STR_FMT, prefix, STR_ARG(port_name));
}

static struct str endpoint_name(struct plan *p, const char *prefix, struct str chain,
				const struct rules_endpoint *e)
{
	return str_printf_in(p->arena, "%s/" STR_FMT "/%s/%u", prefix, STR_ARG(chain),
			     ADDRESS(e->address), e->port);
}

static void write_base(struct plan *p, bool afresh)
{
	struct nft *n = &p->nft;

	if (afresh)
		nft_delete_table(n);
	nft_add_table(n);
	for (size_t i = 0; i < ARRAY_COUNT(base_sets); i++) {
		struct str name = str_from(base_sets[i].name);

		if (base_sets[i].map) {
			nft_add_map(n, name, base_sets[i].type);
			nft_flush_map(n, name);
		} else {
			nft_add_set(n, name, base_sets[i].type, "");
			nft_flush_set(n, name);
		}
	}
	for (size_t i = 0; i < ARRAY_COUNT(base_chains); i++) {
		nft_add_chain(n, str_from(base_chains[i].name), base_chains[i].hook);
		nft_flush_chain(n, str_from(base_chains[i].name));
	}
}

static void write_base_rules(struct plan *p)
{
	struct address_text pods = address_text(p->node->pods);
	unsigned int prefix_len = p->node->pods_prefix_len;
	struct nft *n = &p->nft;

	nft_rule(n, STR("guard"), "iifname \"%s\" ip daddr 127.0.0.0/8 drop", p->node->bridge);
	nft_rule(n, STR("prerouting"), "jump services");
	nft_rule(n, STR("output"), "jump services");
	nft_rule(n, STR("services"), "ip daddr . meta l4proto . th dport vmap @service-ips");
	nft_rule(n, STR("services"),
		 "fib daddr type local meta l4proto . th dport vmap @node-ports");
	nft_rule(n, STR("postrouting"),
		 "meta mark and 0x%x != 0 meta mark set meta mark xor 0x%x masquerade",
		 PROXY_MASQUERADE_MARK, PROXY_MASQUERADE_MARK);
	/* An endpoint that reaches itself through its service must not see its own address as the
	 * client's. */
	nft_rule(n, STR("postrouting"), "ip saddr . ip daddr @hairpin masquerade");
	nft_rule(n, STR("postrouting"),
		 "ip saddr %s/%u ip daddr != %s/%u oifname != \"%s\" masquerade", pods.text,
		 prefix_len, pods.text, prefix_len, p->node->bridge);
	nft_rule(n, STR("refuse"), "ip daddr . meta l4proto . th dport @no-endpoints reject");
	nft_rule(n, STR("refuse"),
		 "fib daddr type local meta l4proto . th dport @no-node-endpoints reject");
	nft_rule(n, STR("refuse-input"), "ct state new jump refuse");
	nft_rule(n, STR("refuse-forward"), "ct state new jump refuse");
	nft_rule(n, STR("refuse-output"), "ct state new jump refuse");
}

/* One of the endpoints at random. */
static void write_choice(struct plan *p, struct str chain, const struct rules_port *port,
			 bool local_only)
{
	struct buf text;
	size_t count = 0;

	buf_init(&text, PROXY_RULES_BYTES_MAX);
	for (size_t i = 0; i < port->endpoint_count; i++) {
		const struct rules_endpoint *e = &port->endpoints[i];

		if (local_only && !e->local)
			continue;
		buf_printf(&text, "%s%zu : %s . %u", count ? ", " : "", count, ADDRESS(e->address),
			   e->port);
		count++;
	}
	nft_rule(&p->nft, chain,
		 "meta l4proto %s dnat ip addr . port to numgen random mod %zu map { " STR_FMT " }",
		 port->protocol, count, STR_ARG(buf_str(&text)));
	buf_deinit(&text);
}

/* The same, but a client that was seen goes to where it went before. */
static void write_sticky_choice(struct plan *p, struct str chain, const struct rules_port *port,
				bool local_only, uint32_t seconds)
{
	struct str timeout = str_printf_in(p->arena, "flags dynamic,timeout; timeout %us;",
					   seconds);
	struct buf text;
	size_t count = 0;

	buf_init(&text, PROXY_RULES_BYTES_MAX);
	for (size_t i = 0; i < port->endpoint_count; i++) {
		const struct rules_endpoint *e = &port->endpoints[i];
		struct str set, target;

		if (local_only && !e->local)
			continue;
		set = endpoint_name(p, "clients", chain, e);
		target = endpoint_name(p, "endpoint", chain, e);
		nft_add_set(&p->nft, set, "ipv4_addr", timeout.ptr);
		push(p->arena, &p->names.sets, &p->names.set_count, &p->set_room, set);
		fresh_chain(p, target);
		nft_rule(&p->nft, target,
			 "update @" STR_FMT " { ip saddr } meta l4proto %s dnat ip to %s:%u",
			 STR_ARG(set), port->protocol, ADDRESS(e->address), e->port);
		nft_rule(&p->nft, chain, "ip saddr @" STR_FMT " goto " STR_FMT, STR_ARG(set),
			 STR_ARG(target));
		buf_printf(&text, "%s%zu : goto " STR_FMT, count ? ", " : "", count,
			   STR_ARG(target));
		count++;
	}
	nft_rule(&p->nft, chain, "numgen random mod %zu vmap { " STR_FMT " }", count,
		 STR_ARG(buf_str(&text)));
	buf_deinit(&text);
}

static size_t local_count(const struct rules_port *port)
{
	size_t count = 0;

	for (size_t i = 0; i < port->endpoint_count; i++)
		count += port->endpoints[i].local;
	return count;
}

static void write_target(struct plan *p, const struct rules_service *s,
			 const struct rules_port *port, bool local_only)
{
	struct str chain = name_of(p, local_only ? "local" : "service", port->name);
	size_t count = local_only ? local_count(port) : port->endpoint_count;

	fresh_chain(p, chain);
	if (!count)
		nft_rule(&p->nft, chain, "drop");
	else if (s->affinity_seconds)
		write_sticky_choice(p, chain, port, local_only, s->affinity_seconds);
	else
		write_choice(p, chain, port, local_only);
}

/* For node ports and external addresses. Policy Cluster hides the client, so that replies come back
 * through this node; policy Local keeps it and stays on this node, but for the cluster's own
 * clients. */
static void write_external(struct plan *p, const struct rules_service *s,
			   const struct rules_port *port)
{
	struct str chain = name_of(p, "external", port->name);

	fresh_chain(p, chain);
	if (s->external_local) {
		nft_rule(&p->nft, chain, "ip saddr %s/%u goto service/" STR_FMT,
			 ADDRESS(p->node->pods), p->node->pods_prefix_len, STR_ARG(port->name));
		nft_rule(&p->nft, chain,
			 "fib saddr type local meta mark set meta mark or 0x%x goto "
			 "service/" STR_FMT,
			 PROXY_MASQUERADE_MARK, STR_ARG(port->name));
		nft_rule(&p->nft, chain, "goto local/" STR_FMT, STR_ARG(port->name));
		return;
	}
	nft_rule(&p->nft, chain, "meta mark set meta mark or 0x%x goto service/" STR_FMT,
		 PROXY_MASQUERADE_MARK, STR_ARG(port->name));
}

static void write_port(struct plan *p, const struct rules_service *s, const struct rules_port *port)
{
	bool external = port->node_port || s->external_count;

	if (!port->endpoint_count)
		return; /* refused instead */
	write_target(p, s, port, false);
	if (s->internal_local || (external && s->external_local))
		write_target(p, s, port, true);
	if (external)
		write_external(p, s, port);
}

/* Calls fn for every service port. */
static void each_port(struct plan *p, void (*fn)(struct plan *, const struct rules_service *,
						 const struct rules_port *))
{
	for (size_t i = 0; i < p->service_count; i++)
		for (size_t k = 0; k < p->services[i].port_count; k++)
			fn(p, &p->services[i], &p->services[i].ports[k]);
}

static void put_address_key(struct plan *p, const struct rules_service *s,
			    const struct rules_port *port)
{
	if (!port->endpoint_count)
		return;
	nft_element(&p->nft, "%s . %s . %u : goto %s/" STR_FMT, ADDRESS(s->cluster_ip),
		    port->protocol, port->port, s->internal_local ? "local" : "service",
		    STR_ARG(port->name));
	for (size_t i = 0; i < s->external_count; i++)
		nft_element(&p->nft, "%s . %s . %u : goto external/" STR_FMT,
			    ADDRESS(s->external[i]), port->protocol, port->port,
			    STR_ARG(port->name));
}

static void put_node_key(struct plan *p, const struct rules_service *s,
			 const struct rules_port *port)
{
	if (port->endpoint_count && port->node_port)
		nft_element(&p->nft, "%s . %u : goto external/" STR_FMT, port->protocol,
			    port->node_port, STR_ARG(port->name));
}

static void put_refused(struct plan *p, const struct rules_service *s,
			const struct rules_port *port)
{
	if (port->endpoint_count)
		return;
	nft_element(&p->nft, "%s . %s . %u", ADDRESS(s->cluster_ip), port->protocol, port->port);
	for (size_t i = 0; i < s->external_count; i++)
		nft_element(&p->nft, "%s . %s . %u", ADDRESS(s->external[i]), port->protocol,
			    port->port);
}

static void put_refused_node(struct plan *p, const struct rules_service *s,
			     const struct rules_port *port)
{
	if (!port->endpoint_count && port->node_port)
		nft_element(&p->nft, "%s . %u", port->protocol, port->node_port);
}

static void put_hairpin(struct plan *p, const struct rules_service *s,
			const struct rules_port *port)
{
	for (size_t i = 0; i < port->endpoint_count; i++)
		if (port->endpoints[i].local)
			nft_element(&p->nft, "%s . %s", ADDRESS(port->endpoints[i].address),
				    ADDRESS(port->endpoints[i].address));
}

static void write_elements(struct plan *p)
{
	static const struct {
		const char *set;
		void (*put)(struct plan *, const struct rules_service *, const struct rules_port *);
	} lists[] = {
		{ "service-ips", put_address_key }, { "node-ports", put_node_key },
		{ "no-endpoints", put_refused },    { "no-node-endpoints", put_refused_node },
		{ "hairpin", put_hairpin },
	};

	for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
		nft_elements_begin(&p->nft, str_from(lists[i].set));
		each_port(p, lists[i].put);
		nft_elements_end(&p->nft);
	}
}

/* Chains refer to each other and to sets: all that go are emptied before the first is deleted. */
static void delete_old(struct plan *p, const struct rules_names *previous)
{
	struct map wanted;

	map_init(&wanted);
	for (size_t i = 0; i < p->names.chain_count; i++)
		(void)map_put(&wanted, p->names.chains[i], p);
	for (size_t i = 0; i < p->names.set_count; i++)
		(void)map_put(&wanted, p->names.sets[i], p);
	for (size_t i = 0; i < previous->chain_count; i++)
		if (!map_get(&wanted, previous->chains[i]))
			nft_flush_chain(&p->nft, previous->chains[i]);
	for (size_t i = 0; i < previous->chain_count; i++)
		if (!map_get(&wanted, previous->chains[i]))
			nft_delete_chain(&p->nft, previous->chains[i]);
	for (size_t i = 0; i < previous->set_count; i++)
		if (!map_get(&wanted, previous->sets[i]))
			nft_delete_set(&p->nft, previous->sets[i]);
	map_deinit(&wanted);
}

void rules_plan(struct arena *arena, const struct rules_node *node,
		const struct rules_service *services, size_t service_count,
		const struct rules_names *previous, struct buf *out, struct rules_names *ret_names)
{
	struct plan p = {
		.arena = arena, .node = node, .services = services, .service_count = service_count
	};

	nft_init(&p.nft, out, "ip", node->table);
	write_base(&p, !previous);
	each_port(&p, write_port);
	write_base_rules(&p);
	write_elements(&p);
	if (previous)
		delete_old(&p, previous);
	*ret_names = p.names;
}
