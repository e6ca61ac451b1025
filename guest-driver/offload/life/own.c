// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns a socket in process context, with a deadline: a program can own its socket for
 * as long as it likes (while a page that it sends from does not come), and other
 * sockets wait behind this one.
 */
#include <net/sock.h>

#include "offload/life/own.h"

static bool try_own(struct sock *sk)
{
	bool got;

	spin_lock_bh(&sk->sk_lock.slock);
	got = !sock_owned_by_user_nocheck(sk);
	if (got)
		sk->sk_lock.owned = 1;
	spin_unlock_bh(&sk->sk_lock.slock);
	if (got)
		mutex_acquire(&sk->sk_lock.dep_map, 0, 1, _RET_IP_);
	return got;
}

/* lock_sock() until @end. */
bool chimdrv_own_until(struct sock *sk, unsigned long end)
{
	long left = (long)(end - jiffies);

	return wait_event_timeout(sk->sk_lock.wq, try_own(sk), max(left, 1L));
}

/* Owned, so nothing new is sent: wait until @end for its frames to leave qdisc and ring. */
bool chimdrv_own_drained(struct sock *sk, unsigned long end)
{
	while (refcount_read(&sk->sk_wmem_alloc) > 1) {
		if (time_after(jiffies, end))
			return false;
		usleep_range(50, 200);
	}
	return true;
}
