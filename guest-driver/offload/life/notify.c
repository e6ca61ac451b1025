// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tells the registered listener, which is the netlink family, that a connection was
 * offloaded or has come back.
 *
 * It is registered while there is no card, and called under the socket's slock.
 */
#include "offload/life/notify.h"
#include "offload/conn_types.h"

static void (*notify)(struct chimdrv_conn *conn, u32 event);

/* NULL: unregister. */
void chimdrv_notify_register(void (*fn)(struct chimdrv_conn *conn, u32 event))
{
	WRITE_ONCE(notify, fn);
}

/* @event: enum chimney_event. */
void chimdrv_notify(struct chimdrv_conn *conn, u32 event)
{
	void (*fn)(struct chimdrv_conn *conn, u32 event) = READ_ONCE(notify);

	if (fn)
		fn(conn, event);
}
