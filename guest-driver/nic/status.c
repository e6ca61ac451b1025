// SPDX-License-Identifier: GPL-2.0-only
/*
 * Turn a status of the card into an errno.
 */
#include <linux/errno.h>

#include "nic/status.h"
#include "chimney_abi.h"

/*
 * The only place where a status of the card becomes an errno. None gives an error of
 * chimdrv_admin_lost(), because a card that refuses has answered.
 */
int chimdrv_status_errno(u32 status)
{
	switch (status) {
	case CHIM_ST_SUCCESS:
		return 0;
	case CHIM_ST_RESOURCES:
	case CHIM_ST_TCP_ENTRIES:
	case CHIM_ST_PATH_ENTRIES:
	case CHIM_ST_NEIGHBOR_ENTRIES:
	case CHIM_ST_IP_ADDRESS_ENTRIES:
	case CHIM_ST_HW_ADDRESS_ENTRIES:
	case CHIM_ST_VLAN_ENTRIES:
	case CHIM_ST_TCP_XMIT_BUFFER:
	case CHIM_ST_TCP_RCV_BUFFER:
		return -ENOSPC;
	case CHIM_ST_TCP_RCV_WINDOW:
	case CHIM_ST_LIMIT:
		return -ERANGE;
	case CHIM_ST_VLAN_MISMATCH:
	case CHIM_ST_PATH_MTU:
	case CHIM_ST_CONNECTION_REJECTED:
	case CHIM_ST_INVALID_OPCODE:
		return -EOPNOTSUPP;
	case CHIM_ST_UPLOAD_IN_PROGRESS:
	case CHIM_ST_BUSY:
		return -EINPROGRESS;
	case CHIM_ST_REQUEST_ABORTED:
		return -ECONNABORTED;
	case CHIM_ST_INVALID_STATE:
		return -EPROTO;
	case CHIM_ST_DATA_NOT_ACCEPTED:
	case CHIM_ST_DATA_PARTIALLY_ACCEPTED:
	case CHIM_ST_PARTIAL_SUCCESS:
		return -EAGAIN;
	case CHIM_ST_INVALID_FIELD:
	case CHIM_ST_INVALID_LIST:
	case CHIM_ST_INVALID_SEQUENCE:
		return -EINVAL;
	case CHIM_ST_INVALID_HANDLE:
		return -ENOENT;
	case CHIM_ST_BUFFER_TOO_SMALL:
		return -EMSGSIZE;
	case CHIM_ST_NOT_READY:
		return -ENXIO;
	case CHIM_ST_FENCE_TIMEOUT:
		return -ETIME;
	case CHIM_ST_DUPLICATE:
		return -EEXIST;
	case CHIM_ST_IN_USE:
		return -EBUSY;
	case CHIM_ST_FAILURE:
	default:
		return -EREMOTEIO;
	}
}
