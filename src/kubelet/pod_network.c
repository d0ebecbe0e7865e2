/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts file and resolver configuration of a pod, with upstream's texts and limits (3 name servers,
 * 32 search domains).
 */
#include "kubelet/pod_network.h"

#include "base/buf.h"
#include "codec/json.h"
#include "kubelet/limits.h"

#define HOSTNAME_BYTES_MAX 63
#define RESOLV_NAMESERVERS_MAX 3
#define RESOLV_SEARCHES_MAX 32
#define RESOLV_OPTIONS_MAX 32
#define NETWORK_FILE_BYTES_MAX (256u << 10)

void pod_hostname(const struct pod_spec *spec, struct str cluster_domain, struct arena *arena,
		  struct str *ret_host, struct str *ret_domain)
{
	struct str host = json_get_str(spec->json, "hostname"),
		   subdomain = json_get_str(spec->json, "subdomain");
	struct str override = json_get_str(spec->json, "hostnameOverride");

	*ret_domain = STR_NONE;
	if (str_is_empty(host)) {
		host = str_slice(spec->name, 0, HOSTNAME_BYTES_MAX);
		while (host.len > 0 &&
		       (host.ptr[host.len - 1] == '-' || host.ptr[host.len - 1] == '.'))
			host.len--;
	}
	if (!str_is_empty(override)) {
		*ret_host = override;
		return;
	}
	if (!str_is_empty(subdomain))
		*ret_domain = str_printf_in(arena, STR_FMT "." STR_FMT ".svc." STR_FMT,
					    STR_ARG(subdomain), STR_ARG(spec->namespace_),
					    STR_ARG(cluster_domain));
	*ret_host = host;
	if (json_get_bool(spec->json, "setHostnameAsFQDN", false) && ret_domain->len > 0)
		*ret_host = str_printf_in(arena, STR_FMT "." STR_FMT, STR_ARG(host),
					  STR_ARG(*ret_domain));
}

static void put_aliases(struct buf *to, const struct pod_spec *spec)
{
	yyjson_val *aliases = json_get(spec->json, "hostAliases");

	if (yyjson_arr_size(aliases) == 0)
		return;
	buf_put_c(to, "\n# Entries added by HostAliases.\n");
	JSON_EACH (alias, aliases) {
		const char *before = "\t";

		buf_put_str(to, json_get_str(alias, "ip"));
		JSON_EACH (name, json_get(alias, "hostnames")) {
			buf_put_c(to, before);
			buf_put_str(to, json_str(name));
		}
		buf_put_char(to, '\n');
	}
}

struct str pod_hosts(const struct pod_spec *spec, struct str address, struct str cluster_domain,
		     struct str host_file, struct arena *arena)
{
	struct str host, domain;
	AUTO_BUF to = { 0 };

	buf_init(&to, NETWORK_FILE_BYTES_MAX);
	if (spec->host_network) {
		buf_put_c(&to, "# Kubernetes-managed hosts file (host network).\n");
		buf_put_str(&to, host_file);
		put_aliases(&to, spec);
		return str_in(arena, buf_str(&to));
	}
	buf_put_c(&to, "# Kubernetes-managed hosts file.\n"
		       "127.0.0.1\tlocalhost\n"
		       "::1\tlocalhost ip6-localhost ip6-loopback\n"
		       "fe00::0\tip6-localnet\n"
		       "fe00::0\tip6-mcastprefix\n"
		       "fe00::1\tip6-allnodes\n"
		       "fe00::2\tip6-allrouters\n");
	pod_hostname(spec, cluster_domain, arena, &host, &domain);
	buf_put_str(&to, address);
	if (domain.len > 0 && str_has_suffix(host, domain))
		buf_printf(&to, "\t" STR_FMT, STR_ARG(host));
	else if (domain.len > 0)
		buf_printf(&to, "\t" STR_FMT "." STR_FMT "\t" STR_FMT, STR_ARG(host),
			   STR_ARG(domain), STR_ARG(host));
	else
		buf_printf(&to, "\t" STR_FMT, STR_ARG(host));
	buf_put_char(&to, '\n');
	put_aliases(&to, spec);
	return str_in(arena, buf_str(&to));
}

struct resolver {
	struct str nameservers[RESOLV_NAMESERVERS_MAX];
	struct str searches[RESOLV_SEARCHES_MAX];
	struct str options[RESOLV_OPTIONS_MAX];
	size_t nameserver_count, search_count, option_count;
};

static void add_once(struct str *list, size_t *count, size_t max, struct str value)
{
	for (size_t i = 0; i < *count; i++)
		if (str_eq(list[i], value))
			return;
	if (*count < max && !str_is_empty(value))
		list[(*count)++] = value;
}

#define ADD_NAMESERVER(r, v) \
	add_once((r)->nameservers, &(r)->nameserver_count, RESOLV_NAMESERVERS_MAX, v)
#define ADD_SEARCH(r, v) add_once((r)->searches, &(r)->search_count, RESOLV_SEARCHES_MAX, v)

/* An option with the same name is replaced. */
static void add_option(struct resolver *r, struct str option)
{
	struct str name, value, other;

	(void)str_cut(option, ':', &name, &value); /* without a value the name is all of it */
	for (size_t i = 0; i < r->option_count; i++) {
		(void)str_cut(r->options[i], ':', &other, &value); /* likewise */
		if (str_eq(name, other)) {
			r->options[i] = option;
			return;
		}
	}
	if (r->option_count < RESOLV_OPTIONS_MAX && !str_is_empty(option))
		r->options[r->option_count++] = option;
}

static bool next_word(struct str *rest, struct str *ret)
{
	size_t from = 0, to;

	while (from < rest->len && (rest->ptr[from] == ' ' || rest->ptr[from] == '\t'))
		from++;
	to = from;
	while (to < rest->len && rest->ptr[to] != ' ' && rest->ptr[to] != '\t')
		to++;
	*ret = str_slice(*rest, from, to);
	*rest = str_slice(*rest, to, rest->len);
	return ret->len > 0;
}

static void resolver_read(struct resolver *r, struct str conf)
{
	struct str line, key, word;

	while (str_next_part(&conf, '\n', &line)) {
		line = str_trim(line);
		if (!next_word(&line, &key) || key.ptr[0] == '#' || key.ptr[0] == ';')
			continue;
		if (str_eq(key, STR("nameserver")) && next_word(&line, &word))
			ADD_NAMESERVER(r, word);
		else if (str_eq(key, STR("search")) || str_eq(key, STR("domain")))
			while (next_word(&line, &word))
				ADD_SEARCH(r, word);
		else if (str_eq(key, STR("options")))
			while (next_word(&line, &word))
				add_option(r, word);
	}
}

static void resolver_cluster(struct resolver *r, const struct pod_spec *spec,
			     struct str cluster_dns, struct str domain, struct arena *arena)
{
	ADD_NAMESERVER(r, cluster_dns);
	ADD_SEARCH(r, str_printf_in(arena, STR_FMT ".svc." STR_FMT, STR_ARG(spec->namespace_),
				    STR_ARG(domain)));
	ADD_SEARCH(r, str_printf_in(arena, "svc." STR_FMT, STR_ARG(domain)));
	ADD_SEARCH(r, domain);
}

static void resolver_custom(struct resolver *r, yyjson_val *config, struct arena *arena)
{
	JSON_EACH (server, json_get(config, "nameservers"))
		ADD_NAMESERVER(r, json_str(server));
	JSON_EACH (search, json_get(config, "searches"))
		ADD_SEARCH(r, json_str(search));
	JSON_EACH (option, json_get(config, "options")) {
		struct str name = json_get_str(option, "name");

		if (json_get(option, "value"))
			name = str_printf_in(arena, STR_FMT ":" STR_FMT, STR_ARG(name),
					     STR_ARG(json_get_str(option, "value")));
		add_option(r, name);
	}
}

static void put_list(struct buf *to, const char *key, const struct str *list, size_t count)
{
	if (count == 0)
		return;
	buf_put_c(to, key);
	for (size_t i = 0; i < count; i++) {
		buf_put_char(to, ' ');
		buf_put_str(to, list[i]);
	}
	buf_put_char(to, '\n');
}

struct str pod_resolv_conf(const struct pod_spec *spec, struct str cluster_dns,
			   struct str cluster_domain, struct str host_conf, struct arena *arena)
{
	struct str policy = json_get_str(spec->json, "dnsPolicy");
	struct resolver r = { .nameserver_count = 0 }, host = { .nameserver_count = 0 };
	bool cluster = !str_eq(policy, STR("Default")) && !str_eq(policy, STR("None")) &&
		       (!spec->host_network || str_eq(policy, STR("ClusterFirstWithHostNet"))) &&
		       !str_is_empty(cluster_dns);
	AUTO_BUF to = { 0 };

	resolver_read(&host, host_conf);
	if (cluster) {
		resolver_cluster(&r, spec, cluster_dns, cluster_domain, arena);
		for (size_t i = 0; i < host.search_count; i++)
			ADD_SEARCH(&r, host.searches[i]);
		add_option(&r, STR("ndots:5"));
	} else if (!str_eq(policy, STR("None"))) {
		r = host;
	}
	resolver_custom(&r, json_get(spec->json, "dnsConfig"), arena);
	buf_init(&to, NETWORK_FILE_BYTES_MAX);
	put_list(&to, "search", r.searches, r.search_count);
	for (size_t i = 0; i < r.nameserver_count; i++)
		put_list(&to, "nameserver", &r.nameservers[i], 1);
	put_list(&to, "options", r.options, r.option_count);
	return str_in(arena, buf_str(&to));
}
