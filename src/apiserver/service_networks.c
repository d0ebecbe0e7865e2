/* SPDX-License-Identifier: Apache-2.0 */
/* What --service-cluster-ip-range says. */
#include "apiserver/service_networks.h"

static int add(struct service_networks *networks, struct str text, struct err *err)
{
	struct address_range *range = &networks->items[networks->count];
	struct err why = { 0 };

	if (address_range_parse(range, text, &why) < 0)
		return err_set(err, ERR_INVALID,
			       networks->count ? "service-cluster-ip-range[1] is not an ip net"
					       : "service-cluster-ip-range[0] is not a valid cidr");
	if (address_range_init(range, text, err) < 0)
		return -1;
	networks->count++;
	return 0;
}

static int read_list(struct service_networks *networks, struct str list, struct err *err)
{
	struct str rest = list, text;

	if (!list.len)
		return err_set(err, ERR_INVALID,
			       "--service-cluster-ip-range must contain at least one valid cidr");
	while (str_next_part(&rest, ',', &text)) {
		if (networks->count == SERVICE_NETWORKS_MAX)
			return err_set(err, ERR_INVALID,
				       "--service-cluster-ip-range must not contain more than two "
				       "entries");
		if (add(networks, text, err) < 0)
			return -1;
	}
	if (networks->count == 2 && networks->items[0].is_v6 == networks->items[1].is_v6)
		return err_set(err, ERR_INVALID,
			       "--service-cluster-ip-range[0] and --service-cluster-ip-range[1] "
			       "must be of different IP family");
	return 0;
}

int service_networks_init(struct service_networks *networks, struct str list, struct err *err)
{
	*networks = (struct service_networks){ .count = 0 };
	if (read_list(networks, list, err) == 0)
		return 0;
	service_networks_deinit(networks);
	return -1;
}

void service_networks_deinit(struct service_networks *networks)
{
	for (size_t i = 0; i < networks->count; i++)
		address_range_deinit(&networks->items[i]);
	networks->count = 0;
}

struct service_families service_networks_families(const struct service_networks *networks)
{
	return (struct service_families){ .is_v6_first = networks->items[0].is_v6,
					  .is_dual = networks->count == 2 };
}

const struct address_range *service_networks_of(const struct service_networks *networks, bool is_v6)
{
	for (size_t i = 0; i < networks->count; i++)
		if (networks->items[i].is_v6 == is_v6)
			return &networks->items[i];
	return NULL;
}
