// SPDX-License-Identifier: GPL-2.0-only
/*
 * That a connection has gone over or come back: told to whoever has registered, which is
 * the netlink family, and to nobody else.
 *
 * Registered while there is no card. Told under the socket's slock.
 */
#include "offload/life/notify.h"
#include "offload/conn_types.h"

static void (*notify)(struct chimdrv_conn *conn, u32 event);

/* NULL: nobody any more. */
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
