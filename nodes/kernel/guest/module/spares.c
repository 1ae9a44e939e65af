// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory held back, given out by hand while the machine hangs: which kind revives it tells what it waits for.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "netreserve.h"

#define SPARES_MAX 1024

static int spare_heads = 256, spare_pages = 64;
module_param(spare_heads, int, 0444);
MODULE_PARM_DESC(spare_heads, "sk_buff heads held back at first");
module_param(spare_pages, int, 0444);
MODULE_PARM_DESC(spare_pages, "pages held back at first");

static struct sk_buff *heads[SPARES_MAX];
static struct page *pages[SPARES_MAX];
static int heads_left, pages_left;

/* All heads share one page of data, which never goes back: giving a head gives the head alone. */
void nr_hold_spares(void)
{
	struct page *data = alloc_page(GFP_KERNEL);

	while (data && heads_left < min(spare_heads, SPARES_MAX)) {
		get_page(data);
		heads[heads_left] = build_skb(page_address(data), PAGE_SIZE);
		if (!heads[heads_left])
			break;
		heads_left++;
	}
	while (pages_left < min(spare_pages, SPARES_MAX)) {
		pages[pages_left] = alloc_page(GFP_KERNEL);
		if (!pages[pages_left])
			break;
		pages_left++;
	}
}

int nr_give_heads(long count)
{
	if (count < 1 || count > heads_left)
		return -ENOSPC;
	while (count--)
		dev_kfree_skb_any(heads[--heads_left]);
	return 0;
}

int nr_give_pages(long count)
{
	if (count < 1 || count > pages_left)
		return -ENOSPC;
	while (count--)
		__free_page(pages[--pages_left]);
	return 0;
}
