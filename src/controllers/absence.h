/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the API server itself whether an object is gone, for controllers that delete others for that:
 * what nobody could read is in no cache, and is there all the same. One question at a time for an
 * object, whoever waits for its answer.
 */
#ifndef CUBE_CONTROLLERS_ABSENCE_H
#define CUBE_CONTROLLERS_ABSENCE_H

#include "base/list.h"
#include "controllers/controller.h"

struct absence {
	struct controller *controller;
	struct map questions; /* "kind|namespace/name|uid" → struct question */
	struct list answered; /* that it is gone, oldest first */
	size_t answered_count;
};

struct absence_of {
	const struct kind *kind;
	struct str namespace_, name;
	struct str uid; /* empty: any object of that name will do */
};

void absence_init(struct absence *absence, struct controller *controller);
void absence_deinit(struct absence *absence);
/* Whether the server said that it is gone. Else it is asked, and the key comes back when it has
 * answered so; after a while when it has answered anything else. */
bool absence_is_sure(struct absence *absence, const struct absence_of *of, struct str key);

#endif
