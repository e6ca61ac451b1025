// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers: identity, limits, reset, enable, doorbells, and finding out that a card has
 * failed or gone. Called from everywhere; it knows no connection, and of the netdev only
 * the carrier.
 */
#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/io.h>
#include <linux/module.h>

#include "nic/hw.h"
#include "chimney_abi.h"

#define CHIMDRV_RESET_MS	2000

/* Fail the card if nothing answers at its address any more, or something else does. */
static void check_presence(struct chimdrv_dev *cd)
{
	if (pci_channel_offline(cd->pdev) || readl(cd->regs + CHIM_REG_MAGIC) == CHIM_MAGIC)
		return;
	set_bit(CHIMDRV_DEV_GONE, &cd->bits);
	chimdrv_dev_fail(cd, "the card is gone, its registers do not answer");
}

u32 chimdrv_hw_read(struct chimdrv_dev *cd, unsigned int reg)
{
	u32 value = readl(cd->regs + reg);

	/* An empty slot reads as all ones (REG-H5). */
	if (unlikely(value == ~0u))
		check_presence(cd);
	return value;
}

void chimdrv_hw_write(struct chimdrv_dev *cd, unsigned int reg, u32 value)
{
	writel(value, cd->regs + reg);
}

static void write_pair(struct chimdrv_dev *cd, unsigned int reg, u64 value)
{
	chimdrv_hw_write(cd, reg, lower_32_bits(value));
	chimdrv_hw_write(cd, reg + 4, upper_32_bits(value));
}

void chimdrv_hw_doorbell(struct chimdrv_dev *cd, u32 ring, u32 index)
{
	/* A reset card knows no ring; a doorbell would break REG-H3. */
	if (likely(chimdrv_dev_alive(cd)))
		writel(index, cd->regs + CHIM_REG_DOORBELL + 4 * ring);
}

const struct pci_device_id chimdrv_hw_ids[] = {
	{ PCI_DEVICE(CHIM_PCI_VENDOR, CHIM_PCI_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, chimdrv_hw_ids);

int chimdrv_hw_map(struct chimdrv_dev *cd)
{
	if (pci_resource_len(cd->pdev, CHIM_BAR_REGS) >= CHIM_BAR_REGS_SIZE)
		cd->regs = pci_iomap(cd->pdev, CHIM_BAR_REGS, CHIM_BAR_REGS_SIZE);
	return cd->regs ? 0 : -ENODEV;
}

bool chimdrv_hw_has(const struct chimdrv_dev *cd, unsigned int feature)
{
	return cd->features & BIT_ULL(feature);
}

static int read_limits(struct chimdrv_dev *cd)
{
	struct chimdrv_limits *l = &cd->limits;
	const struct {
		u32 *value;
		unsigned int reg;
		u32 min, max;
		const char *name;
	} table[] = {
		{ &l->pairs, CHIM_REG_MAX_PAIRS, 1, CHIM_PAIRS_LIMIT, "pairs" },
		{ &l->ring_log2, CHIM_REG_MAX_RING_LOG2, 6, CHIM_RING_LOG2_LIMIT, "ring size" },
		{ &l->conns, CHIM_REG_MAX_CONNS, 0, 1 << 20, "connections" },
		{ &l->paths, CHIM_REG_MAX_PATHS, 0, 1 << 20, "paths" },
		{ &l->neighbors, CHIM_REG_MAX_NEIGHBORS, 0, 1 << 20, "neighbors" },
		{ &l->sge, CHIM_REG_MAX_SGE, 2, 2 + 31 * CHIM_SG_SGES, "scatter elements" },
		{ &l->buffered, CHIM_REG_MAX_BUFFERED, 0, 1 << 30, "buffered bytes" },
		{ &l->sends, CHIM_REG_MAX_SENDS, 0, 1 << 20, "sends" },
		{ &l->recvs, CHIM_REG_MAX_RECVS, 0, 1 << 20, "receives" },
		{ &l->rcv_wnd, CHIM_REG_MAX_RCV_WND, 0, 1 << 30, "receive window" },
		{ &l->mtu, CHIM_REG_MAX_MTU, ETH_MIN_MTU, 65535, "MTU" },
		{ &l->block_len, CHIM_REG_MAX_BLOCK_LEN, 0, 1 << 30, "block list length" },
		{ &l->nodes, CHIM_REG_MAX_NODES, 0, 1 << 20, "block list nodes" },
		{ &l->vlans, CHIM_REG_MAX_VLANS, 0, 4096, "VLANs" },
		{ &l->send_len, CHIM_REG_MAX_SEND_LEN, 0, 1 << 30, "send length" },
		{ &l->ind_len, CHIM_REG_MAX_IND_LEN, 0, 1 << 30, "indication length" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		u32 value = chimdrv_hw_read(cd, table[i].reg);

		if (value < table[i].min) {
			dev_err(cd->dev, "limit of %s is %u, at least %u is needed\n",
				table[i].name, value, table[i].min);
			return -EIO;
		}
		/* A limit above what the driver can use is no error. */
		*table[i].value = min(value, table[i].max);
	}
	return 0;
}

/*
 * The least that a card needs to take connections; with less it is only a NIC. A
 * connection with its path and its neighbor takes three nodes.
 */
static void check_offload_limits(struct chimdrv_dev *cd)
{
	const struct {
		u32 value, min;
		const char *name;
	} table[] = {
		{ cd->limits.nodes, 3, "block list nodes" },
		{ cd->limits.block_len, CHIMDRV_LIST_LEAST, "block list length" },
		{ cd->limits.sends, 1, "sends" },
		{ cd->limits.send_len, 1, "send length" },
		{ cd->limits.rcv_wnd, 1, "receive window" },
	};
	const u64 offload = BIT_ULL(CHIM_F_OFFLOAD_IPV4) | BIT_ULL(CHIM_F_OFFLOAD_IPV6);
	unsigned int i = 0;

	while (i < ARRAY_SIZE(table) && table[i].value >= table[i].min)
		i++;
	if (i == ARRAY_SIZE(table) || !(cd->features & offload))
		return;
	dev_warn(cd->dev,
		 "no connections go to this card: limit of %s is %u, at least %u is needed\n",
		 table[i].name, table[i].value, table[i].min);
	cd->features &= ~offload;
}

/* Ask for all offload features; the offload half looks at those accepted. */
static u64 wanted_features(void)
{
	return BIT_ULL(CHIM_F_CSUM) | BIT_ULL(CHIM_F_GUEST_CSUM) | BIT_ULL(CHIM_F_TSO4) |
	       BIT_ULL(CHIM_F_TSO6) | BIT_ULL(CHIM_F_LRO) | BIT_ULL(CHIM_F_RSS) |
	       BIT_ULL(CHIM_F_OFFLOAD_IPV4) | BIT_ULL(CHIM_F_OFFLOAD_IPV6) |
	       BIT_ULL(CHIM_F_SACK) | BIT_ULL(CHIM_F_EXT_RTT_US) |
	       BIT_ULL(CHIM_F_EXT_TS_US) | BIT_ULL(CHIM_F_BUFFERED) |
	       BIT_ULL(CHIM_F_EXT_FINS) | BIT_ULL(CHIM_F_EXT_TIMERS) | BIT_ULL(CHIM_F_OCTETS);
}

/* Is this a card that the driver can drive, and what can it do? */
int chimdrv_hw_identify(struct chimdrv_dev *cd)
{
	u32 magic = chimdrv_hw_read(cd, CHIM_REG_MAGIC);
	u32 version = chimdrv_hw_read(cd, CHIM_REG_VERSION);
	u32 lo, hi;
	int err;

	if (magic != CHIM_MAGIC) {
		dev_err(cd->dev, "no chimney card: magic is %#x\n", magic);
		return -ENODEV;
	}
	if (version >> 16 != CHIM_ABI_MAJOR) {
		dev_err(cd->dev, "card speaks ABI %u.%u, driver speaks %u.%u\n",
			version >> 16, version & 0xffff, CHIM_ABI_MAJOR, CHIM_ABI_MINOR);
		return -EPROTONOSUPPORT;
	}
	cd->abi = version;
	cd->features = chimdrv_hw_read(cd, CHIM_REG_FEATURES_LO);
	cd->features |= (u64)chimdrv_hw_read(cd, CHIM_REG_FEATURES_HI) << 32;
	cd->features &= wanted_features();

	lo = chimdrv_hw_read(cd, CHIM_REG_MAC_LO);
	hi = chimdrv_hw_read(cd, CHIM_REG_MAC_HI);
	put_unaligned_le32(lo, cd->mac);
	put_unaligned_le16(hi & 0xffff, cd->mac + 4);
	if (test_bit(CHIMDRV_DEV_GONE, &cd->bits))
		return -ENODEV;
	err = read_limits(cd);
	if (!err)
		check_offload_limits(cd);
	return err;
}

/*
 * LRO is negotiated at enable, and such frames come with what is needed to forward them.
 * So it needs no switch and no netdev feature.
 */
netdev_features_t chimdrv_hw_netdev_features(const struct chimdrv_dev *cd)
{
	netdev_features_t f = NETIF_F_SG;

	if (chimdrv_hw_has(cd, CHIM_F_CSUM)) {
		f |= NETIF_F_HW_CSUM;
		if (chimdrv_hw_has(cd, CHIM_F_TSO4))
			f |= NETIF_F_TSO | NETIF_F_TSO_ECN;
		if (chimdrv_hw_has(cd, CHIM_F_TSO6))
			f |= NETIF_F_TSO6;
	}
	if (chimdrv_hw_has(cd, CHIM_F_GUEST_CSUM))
		f |= NETIF_F_RXCSUM;
	if (chimdrv_hw_has(cd, CHIM_F_RSS))
		f |= NETIF_F_RXHASH;
	return f;
}

static int wait_register(struct chimdrv_dev *cd, unsigned int reg, u32 mask, u32 want,
			 const char *what)
{
	unsigned long end = jiffies + msecs_to_jiffies(CHIMDRV_RESET_MS);

	for (;;) {
		bool late = time_after(jiffies, end);
		u32 value = chimdrv_hw_read(cd, reg);

		if (test_bit(CHIMDRV_DEV_GONE, &cd->bits))
			return -ENODEV;
		if ((value & mask) == want)
			return 0;
		if (late)
			break;
		usleep_range(100, 200);
	}
	check_presence(cd);
	dev_err(cd->dev, "card did not finish %s within %u ms\n", what, CHIMDRV_RESET_MS);
	return -ETIMEDOUT;
}

/* Full reset: afterwards the card knows no ring and does no DMA. */
int chimdrv_hw_reset(struct chimdrv_dev *cd)
{
	chimdrv_hw_write(cd, CHIM_REG_CTRL, CHIM_CTRL_RESET);
	return wait_register(cd, CHIM_REG_CTRL, CHIM_CTRL_RESET, 0, "its reset");
}

/* After a reset: set features and admin pair, enable. The admin rings must be empty. */
int chimdrv_hw_enable(struct chimdrv_dev *cd)
{
	struct chimdrv_adminq *aq = &cd->adminq;

	chimdrv_hw_write(cd, CHIM_REG_DRV_FEATURES_LO, lower_32_bits(cd->features));
	chimdrv_hw_write(cd, CHIM_REG_DRV_FEATURES_HI, upper_32_bits(cd->features));
	write_pair(cd, CHIM_REG_ADMIN_SQ_LO, aq->sq.entries_dma);
	write_pair(cd, CHIM_REG_ADMIN_SQ_CTL_LO, aq->sq.ctl_dma);
	write_pair(cd, CHIM_REG_ADMIN_CQ_LO, aq->cq.entries_dma);
	write_pair(cd, CHIM_REG_ADMIN_CQ_CTL_LO, aq->cq.ctl_dma);
	chimdrv_hw_write(cd, CHIM_REG_ADMIN_SIZE, aq->sq.log2 | aq->cq.log2 << 8);
	chimdrv_hw_write(cd, CHIM_REG_CTRL, CHIM_CTRL_ENABLE);
	return wait_register(cd, CHIM_REG_STATUS, CHIM_STATUS_READY | CHIM_STATUS_FATAL,
			     CHIM_STATUS_READY, "enabling");
}

static const char *fatal_name(u32 cause)
{
	static const char * const names[] = {
		[CHIM_FATAL_NONE]	 = "none",
		[CHIM_FATAL_DMA]	 = "DMA failed",
		[CHIM_FATAL_DOORBELL]	 = "impossible producer index or doorbell",
		[CHIM_FATAL_RING_CONFIG] = "impossible admin pair",
		[CHIM_FATAL_PHASE]	 = "command not published whole",
		[CHIM_FATAL_OPCODE]	 = "no such entry on this ring",
		[CHIM_FATAL_CQ_INDEX]	 = "impossible consumer index",
		[CHIM_FATAL_FENCE]	 = "too many fences",
		[CHIM_FATAL_BUFFER]	 = "impossible buffer",
		[CHIM_FATAL_INTERNAL]	 = "internal error of the card",
	};

	return cause < ARRAY_SIZE(names) ? names[cause] : "unknown";
}

static void ring_name(u32 ring, char *buf, size_t size)
{
	static const char * const kinds[CHIM_RING_KINDS] = {
		[CHIM_RING_SQ] = "SQ", [CHIM_RING_CQ] = "CQ", [CHIM_RING_TX] = "TX",
		[CHIM_RING_RXB] = "RXB", [CHIM_RING_RXC] = "RXC", [CHIM_RING_IB] = "IB",
	};
	u32 io = ring - CHIM_RING_PAIR0;

	if (ring == CHIM_RING_NONE)
		strscpy(buf, "none", size);
	else if (ring == CHIM_RING_ADMIN_SQ || ring == CHIM_RING_ADMIN_CQ)
		strscpy(buf, ring == CHIM_RING_ADMIN_SQ ? "admin SQ" : "admin CQ", size);
	else if (ring >= CHIM_RING_PAIR0 && io % CHIM_RINGS_PER_PAIR < CHIM_RING_KINDS)
		snprintf(buf, size, "%s %u", kinds[io % CHIM_RINGS_PER_PAIR],
			 io / CHIM_RINGS_PER_PAIR);
	else
		snprintf(buf, size, "id %u", ring);
}

static void rule_name(u32 rule, char *buf, size_t size)
{
	static const char * const chapters[] = {
		[2] = "REG", [3] = "RING", [5] = "OP",
	};
	u32 chapter = rule >> 8;

	if (rule == CHIM_RULE_NONE)
		strscpy(buf, "none", size);
	else if (chapter < ARRAY_SIZE(chapters) && chapters[chapter])
		snprintf(buf, size, "%s-H%u", chapters[chapter], rule & 0xff);
	else
		snprintf(buf, size, "%#x", rule);
}

/* Log the one line about a card that has stopped. */
void chimdrv_hw_report(struct chimdrv_dev *cd, const char *why)
{
	char ring[16], rule[16];
	u64 addr;
	u32 cause;

	if (test_bit(CHIMDRV_DEV_GONE, &cd->bits) ||
	    !(chimdrv_hw_read(cd, CHIM_REG_STATUS) & CHIM_STATUS_FATAL)) {
		dev_err(cd->dev, "card failed: %s\n", why);
		return;
	}
	cause = chimdrv_hw_read(cd, CHIM_REG_FATAL_CAUSE);
	ring_name(chimdrv_hw_read(cd, CHIM_REG_FATAL_RING), ring, sizeof(ring));
	rule_name(chimdrv_hw_read(cd, CHIM_REG_FATAL_RULE), rule, sizeof(rule));
	addr = chimdrv_hw_read(cd, CHIM_REG_FATAL_ADDR_LO);
	addr |= (u64)chimdrv_hw_read(cd, CHIM_REG_FATAL_ADDR_HI) << 32;
	dev_err(cd->dev,
		"card failed: %s: cause %u (%s), ring %s, index %u, rule %s, address %#llx\n",
		why, cause, fatal_name(cause), ring,
		chimdrv_hw_read(cd, CHIM_REG_FATAL_INDEX), rule, addr);
}

bool chimdrv_hw_check(struct chimdrv_dev *cd)
{
	u32 status = chimdrv_hw_read(cd, CHIM_REG_STATUS);

	if (!chimdrv_dev_alive(cd))
		return false;
	if (status & CHIM_STATUS_FATAL) {
		chimdrv_dev_fail(cd, "fatal status");
		return false;
	}
	if (!(status & CHIM_STATUS_READY)) {
		/* Some buses answer 0 for an empty slot. */
		check_presence(cd);
		chimdrv_dev_fail(cd, "card was reset behind the driver's back");
		return false;
	}
	return true;
}

bool chimdrv_hw_link(struct chimdrv_dev *cd)
{
	return chimdrv_hw_read(cd, CHIM_REG_STATUS) & CHIM_STATUS_LINK_UP;
}

bool chimdrv_hw_paused(struct chimdrv_dev *cd)
{
	return chimdrv_hw_read(cd, CHIM_REG_STATUS) & CHIM_STATUS_PAUSED;
}

u32 chimdrv_hw_speed(struct chimdrv_dev *cd)
{
	return chimdrv_hw_read(cd, CHIM_REG_LINK_SPEED);
}

u32 chimdrv_hw_isr(struct chimdrv_dev *cd)
{
	u32 isr = chimdrv_hw_read(cd, CHIM_REG_ISR);

	if (test_bit(CHIMDRV_DEV_GONE, &cd->bits))
		return 0;
	if (isr)
		chimdrv_hw_write(cd, CHIM_REG_ISR, isr);
	return isr;
}

void chimdrv_dev_fail(struct chimdrv_dev *cd, const char *why)
{
	unsigned long flags;
	bool first;

	spin_lock_irqsave(&cd->fail_lock, flags);
	first = !test_and_set_bit(CHIMDRV_DEV_FAILED, &cd->bits);
	if (first) {
		cd->fail_why = why;
		queue_work(cd->stop_wq, &cd->fail_work);
	}
	spin_unlock_irqrestore(&cd->fail_lock, flags);
	if (first && cd->net)
		netif_carrier_off(cd->net->netdev);
}

void chimdrv_dev_fail_wait(struct chimdrv_dev *cd)
{
	/* the bit may show before the work is queued, but not to a task that has held the lock */
	spin_lock_irq(&cd->fail_lock);
	spin_unlock_irq(&cd->fail_lock);
	flush_work(&cd->fail_work);
}
