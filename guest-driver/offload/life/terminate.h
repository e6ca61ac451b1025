/* SPDX-License-Identifier: GPL-2.0-only */
/* One TERMINATE. */
#ifndef CHIMDRV_TERMINATE_H
#define CHIMDRV_TERMINATE_H

#include <linux/types.h>

struct chimdrv_conn;
struct chimdrv_dev;
struct chimdrv_room;

#define CHIMDRV_UPLOAD_ASKS	8	/* how often the card may ask for more room */

enum chimdrv_upload_result {
	UPLOAD_TAKEN,		/* the card has let go */
	UPLOAD_MORE,		/* nothing has changed: it asks for more room */
	UPLOAD_AGAIN,		/* nothing has changed: a later try may succeed */
	UPLOAD_HUNGRY,		/* nothing was tried: there was no memory in the guest */
	UPLOAD_REFUSED,		/* nothing has changed, nor will it */
	UPLOAD_LOST,		/* the card has failed: connections end with it */
};

struct chimdrv_upload {
	struct chimdrv_conn *conn;
	struct chimdrv_room *room;
	enum chimdrv_upload_result result;
	u32 len;		/* of the room, as given to the card */
	u32 node;
	u32 d_off;
	u32 refs_off;
	u32 room_off;
};

/*
 * od->mutex. Run one TERMINATE for the @n, or for as many as fit. Returns how many, at
 * least one; each of these has its result.
 */
unsigned int chimdrv_terminate(struct chimdrv_dev *cd, struct chimdrv_upload *up, unsigned int n);

#endif /* CHIMDRV_TERMINATE_H */
