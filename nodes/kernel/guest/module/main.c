// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * netreserve: what the testbed sees of a kernel that swaps over the network, and the few things it may change in it.
 *
 * Everything here must work while the machine hangs for want of memory. So a timer sends the telemetry, byte by byte to
 * an I/O port, and polls a serial port for commands; a thread made beforehand, which may use the reserve, carries them out.
 * Nothing is allocated after initialisation, but that the interface policy hooks in when it is first asked for (hook.c). The
 * contract with the host is nodes/kernel/protocol.py.
 */
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sysrq.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/version.h>

#include "netreserve.h"

#define TELEMETRY_PORT 0x402	/* QEMU's debug console */
#define CONTROL_PORT 0x2f8	/* COM2 */
#define CONTROL_STATUS (CONTROL_PORT + 5)
#define CONTROL_BYTES_MAX 64	/* a tick: a port that never gets empty must not keep the timer */
#define POLL_MS 20

static int period_ms = 500;
module_param(period_ms, int, 0444);
MODULE_PARM_DESC(period_ms, "milliseconds between two lines of telemetry");

struct nr_counters *nr_counters;
int nr_period_ms;

static struct task_struct *thread;
static struct timer_list tick;
static unsigned long next_line;
static u32 ack, nak;
static bool line_due;		/* a command has ended: say so at the next tick */
static bool figures_due;	/* the thread is to ask the network device */

/* One command at a time: the timer or a sysrq, an interrupt on any CPU, fills it, the thread empties it. */
static struct nr_command command;
static bool waiting;
static DEFINE_RAW_SPINLOCK(asking);
static bool control_open;
static DEFINE_MUTEX(carrying);

static void end(const struct nr_command *done, int error)
{
	if (done->number)
		WRITE_ONCE(*(error ? &nak : &ack), done->number);
	else if (error)
		pr_warn("netreserve: %s %ld: error %d\n", done->name, done->value, error);
	WRITE_ONCE(line_due, true);
}

static int work(void *unused)
{
	unsigned int saved = memalloc_noreclaim_save();

	while (!kthread_should_stop()) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!smp_load_acquire(&waiting) && !READ_ONCE(figures_due) && !kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
		if (xchg(&figures_due, false))
			nr_take_device_figures();
		if (smp_load_acquire(&waiting)) {
			mutex_lock(&carrying);
			end(&command, nr_carry_out(&command));
			mutex_unlock(&carrying);
			smp_store_release(&waiting, false);
		}
	}
	memalloc_noreclaim_restore(saved);
	return 0;
}

bool nr_ask(u32 number, const char *name, long value)
{
	unsigned long flags;
	bool taken;

	raw_spin_lock_irqsave(&asking, flags);
	taken = !smp_load_acquire(&waiting);
	if (taken) {
		command.number = number;
		strscpy(command.name, name, sizeof(command.name));
		command.value = value;
		smp_store_release(&waiting, true);
	}
	raw_spin_unlock_irqrestore(&asking, flags);
	if (taken)
		wake_up_process(thread);
	return taken;
}

/* Commands come as lines. While one is carried out the next is held, and those behind it stay in the UART. */
static void poll_control(void)
{
	static char line[64];
	static size_t length;
	static struct nr_command asked;
	static bool held;
	int i;

	for (i = 0; control_open && i < CONTROL_BYTES_MAX; i++) {
		char c;

		if (held && !nr_ask(asked.number, asked.name, asked.value))
			return;
		held = false;
		if (!(inb(CONTROL_STATUS) & 1))
			return;
		c = inb(CONTROL_PORT);
		if (c != '\n') {
			length = min(length + 1, sizeof(line) - 1);
			line[length - 1] = c;
			continue;
		}
		line[length] = 0;
		length = 0;
		held = nr_parse(line, &asked);
	}
}

/* All ones is what a bus answers where there is no port. */
static void open_control(void)
{
	if (inb(CONTROL_STATUS) == 0xff) {
		pr_warn("netreserve: no serial port at %#x: commands come from sysrq and /dev/netreserve alone\n", CONTROL_PORT);
		return;
	}
	outb(0, CONTROL_PORT + 1);	/* no interrupts */
	outb(3, CONTROL_PORT + 3);	/* 8 bits, divisor latch closed */
	outb(7, CONTROL_PORT + 2);	/* FIFO on and empty */
	control_open = true;
}

static void on_tick(struct timer_list *unused)
{
	poll_control();
	nr_note_free();
	if (READ_ONCE(line_due) || time_after_eq(jiffies, next_line)) {
		size_t bytes;
		const char *line = nr_line(READ_ONCE(ack), READ_ONCE(nak), &bytes);

		WRITE_ONCE(line_due, false);
		outsb(TELEMETRY_PORT, line, bytes);
		if (time_after_eq(jiffies, next_line))
			next_line = jiffies + msecs_to_jiffies(READ_ONCE(nr_period_ms));
		WRITE_ONCE(figures_due, true);
		wake_up_process(thread);
	}
	mod_timer(&tick, jiffies + msecs_to_jiffies(POLL_MS));
}

/* /dev/netreserve: init hands over what is to be watched, and asks as the host does (`memalloc 1`), with an errno. */

static long device_ioctl(struct file *file, unsigned int request, unsigned long argument)
{
	struct nr_peer peer;

	switch (request) {
	case NR_SOCKET:
		return nr_take_socket(argument);
	case NR_CONNECTIONS:
		if (copy_from_user(&peer, (void __user *)argument, sizeof(peer)))
			return -EFAULT;
		return nr_take_connections(&peer);
	case NR_BLOCK:
		return nr_take_block(argument);
	}
	return -ENOTTY;
}

static ssize_t device_write(struct file *file, const char __user *from, size_t count, loff_t *offset)
{
	char text[64] = "0 ";
	struct nr_command asked;
	int error;

	if (count + 3 > sizeof(text))
		return -EINVAL;
	if (copy_from_user(text + 2, from, count))
		return -EFAULT;
	text[2 + count] = 0;
	if (!nr_parse(text, &asked))
		return -EINVAL;
	mutex_lock(&carrying);
	error = nr_carry_out(&asked);
	mutex_unlock(&carrying);
	return error ? error : count;
}

static int device_mmap(struct file *file, struct vm_area_struct *area)
{
	if (area->vm_pgoff || area->vm_end - area->vm_start != PAGE_SIZE)
		return -EINVAL;
	return remap_pfn_range(area, area->vm_start, virt_to_phys(nr_counters) >> PAGE_SHIFT, PAGE_SIZE,
			       area->vm_page_prot);
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
	.write = device_write,
	.mmap = device_mmap,
};
static struct miscdevice device = {.minor = MISC_DYNAMIC_MINOR, .name = "netreserve", .fops = &operations, .mode = 0600};

/* Two keys of sysrq do without the control port: a person at the console can rescue the machine, too. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
typedef u8 sysrq_key;
#else
typedef int sysrq_key;
#endif
static void ask_by_key(long memalloc)
{
	if (!nr_ask(0, "memalloc", memalloc))
		pr_warn("netreserve: memalloc %ld: another command is being carried out, press again\n", memalloc);
}
static void key_set(sysrq_key key) { ask_by_key(1); }
static void key_clear(sysrq_key key) { ask_by_key(0); }
static const struct sysrq_key_op on_set = {
	.handler = key_set, .help_msg = "memalloc-set(x)", .action_msg = "Set SOCK_MEMALLOC", .enable_mask = 1};
static const struct sysrq_key_op on_clear = {
	.handler = key_clear, .help_msg = "memalloc-clear(y)", .action_msg = "Clear SOCK_MEMALLOC", .enable_mask = 1};

static int __init netreserve_init(void)
{
	int error;

	BUILD_BUG_ON(sizeof(struct nr_counters) > PAGE_SIZE);
	nr_period_ms = clamp(period_ms, POLL_MS, 60000);
	error = nr_find_symbols();
	if (error)
		return error;
	nr_counters = (void *)get_zeroed_page(GFP_KERNEL);
	if (!nr_counters)
		return -ENOMEM;
	thread = kthread_run(work, NULL, "netreserve");
	if (IS_ERR(thread)) {
		error = PTR_ERR(thread);
		goto no_thread;
	}
	sched_set_fifo_low(thread);
	error = misc_register(&device);
	if (error)
		goto no_device;
	nr_hold_spares();
	nr_plant();
	register_sysrq_key('x', &on_set);
	register_sysrq_key('y', &on_clear);
	open_control();
	timer_setup(&tick, on_tick, 0);
	next_line = jiffies;
	mod_timer(&tick, jiffies + 1);
	return 0;

no_device:
	kthread_stop(thread);
no_thread:
	free_page((unsigned long)nr_counters);
	return error;
}
module_init(netreserve_init);

/* No exit: a machine that swaps over the network keeps its observer until it ends. */
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Telemetry and reserve policies of a machine that swaps over the network");
