/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder know of each other. */
#ifndef CUBE_CLIENT_CLIENT_INTERNAL_H
#define CUBE_CLIENT_CLIENT_INTERNAL_H

#include "client/client.h"

void informers_free(struct client *client);
bool informer_is_selective(const struct informer *informer); /* shows less than all of its kind */
void client_forget_queue(struct client *client, const struct queue *queue);

#endif
