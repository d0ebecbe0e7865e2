/* SPDX-License-Identifier: Apache-2.0 */
/* Writes that this server makes by itself, as system:apiserver. Nobody waits for one: what is to be
 * true is looked at again when the object changes. */
#ifndef CUBE_APISERVER_OWN_WRITE_H
#define CUBE_APISERVER_OWN_WRITE_H

#include "apiserver/operation.h"

struct own_writes {
	struct registry *registry;
	struct list list;	 /* struct own_write, in flight */
	void (*idle)(void *arg); /* all are done; may be NULL */
	/* One was refused for more than a conflict or an object that is gone; may be NULL. */
	void (*refused)(void *arg, const struct operation *op);
	void *arg;
};

void own_writes_init(struct own_writes *writes, struct registry *registry);
void own_writes_deinit(struct own_writes *writes); /* those in flight are told nothing */
/* Strings are copied, trees are taken over; custom kinds stay as long as the write. */
void own_writes_submit(struct own_writes *writes, const struct operation *what);

#endif
