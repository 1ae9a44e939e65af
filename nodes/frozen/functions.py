"""Functions of the kernel that mean one thing: what a step of a shape may be. Names hold for Linux 2.4 to 7.2.

A name stands as it is called anywhere: without suffixes that compilers add, which are taken off before they are compared.
"""

from __future__ import annotations

Step = tuple[str, ...]
"""Functions, any of which may stand there."""

SCHEDULER: Step = (
    "__schedule", "schedule", "schedule_timeout", "schedule_timeout_uninterruptible", "io_schedule",
    "io_schedule_timeout", "io_schedule_prepare", "schedule_preempt_disabled", "wait_woken", "bit_wait_io",
    "__wait_on_bit", "__wait_on_bit_lock", "out_of_line_wait_on_bit", "__switch_to", "__switch_to_asm",
    "preempt_schedule", "preempt_schedule_common", "context_switch", "schedule_hrtimeout_range",
    "schedule_hrtimeout_range_clock", "do_wait_intr_irq", "__wait_for_common", "wait_for_completion",
    "wait_for_completion_io", "wait_for_completion_io_timeout", "wait_for_common", "wait_for_completion_timeout",
    "wait_for_completion_state", "wait_for_completion_killable", "do_wait_for_common", "__wait_for_completion",
    "bit_wait", "bit_wait_timeout", "bit_wait_io_timeout", "out_of_line_wait_on_bit_lock", "sync_page", "sync_buffer",
    "sleep_on_page", "sleep_on_page_killable", "sleep_on_buffer", "schedule_timeout_killable", "schedule_rtlock",
    "cv_wait_common", "__cv_wait", "__cv_wait_io", "cv_timedwait_common", "__cv_timedwait", "__cv_timedwait_idle",
    "__cv_timedwait_sig", "io_schedule_finish", "schedule_debug", "rt_mutex_schedule", "resched_task",
)  # fmt: skip
"""Between what a task waits for and its sleep."""
SWAP_OUT: Step = (
    "__swap_writepage", "swap_writepage", "swap_writepage_bdev_async", "swap_writeout", "swap_write_unplug",
    "rw_swap_page",
)  # fmt: skip
SWAP_IN: Step = (
    "swap_readpage", "swap_read_folio", "swap_read_page", "swap_read_folio_bdev_sync", "swap_read_folio_bdev_async",
)  # fmt: skip
SWAP: Step = (
    *SWAP_OUT, *SWAP_IN, "do_swap_page", "swapin_readahead", "swap_cluster_readahead", "read_swap_cache_async",
    "shmem_swapin_folio", "shmem_swapin", "unuse_pte_range",
)  # fmt: skip
TAGS: Step = (
    "blk_mq_get_tag", "__blk_mq_get_tag", "bt_get", "blk_mq_get_request", "get_request", "get_request_wait",
    "__get_request_wait", "sbitmap_get", "__sbitmap_queue_get",
)  # fmt: skip
LOCKED_PAGE: Step = (
    "__lock_page", "__folio_lock", "__lock_page_killable", "__folio_lock_killable", "lock_page", "folio_lock",
)  # fmt: skip
PAGE_BIT: Step = (
    "folio_wait_bit_common", "folio_wait_bit", "wait_on_page_bit_common", "wait_on_page_bit", "__folio_lock",
    "__lock_page", "wait_on_page_bit_killable", "folio_wait_bit_killable",
)  # fmt: skip
DIRECT_RECLAIM: Step = (
    "try_to_free_pages", "__perform_reclaim", "__alloc_pages_direct_reclaim", "try_to_free_pages_zone",
)  # fmt: skip
RECLAIM: Step = (
    "balance_pgdat", "kswapd", *DIRECT_RECLAIM,
)  # fmt: skip
SHRINK: Step = (
    "shrink_folio_list", "shrink_page_list", "shrink_list", "shrink_cache", "shrink_inactive_list",
)  # fmt: skip
PAUSES: Step = (
    "reclaim_throttle", "congestion_wait", "wait_iff_congested", "blk_congestion_wait", "msleep",
)  # fmt: skip
CGROUP_RECLAIM: Step = (
    "try_to_free_mem_cgroup_pages", "reclaim_high", "mem_cgroup_handle_over_high", "__mem_cgroup_handle_over_high",
    "mem_cgroup_oom_synchronize", "mem_cgroup_do_charge",
)  # fmt: skip
NBD_SEND: Step = (
    "nbd_queue_rq", "nbd_handle_cmd", "nbd_send_cmd", "nbd_requeue_cmd", "nbd_pending_cmd_work", "nbd_send_req",
    "do_nbd_request",
)  # fmt: skip
STORAGE_SOCKET: Step = (
    "sock_xmit", "__sock_xmit", "nbd_send_cmd", "xs_sock_sendmsg", "xs_tcp_send_request", "nvme_tcp_try_send",
    "iscsi_sw_tcp_xmit", "ceph_tcp_sendmsg", "ceph_con_workfn", "drbd_send", "drbd_sender",
)  # fmt: skip
MUTEX: Step = (
    "__mutex_lock", "__mutex_lock_slowpath", "mutex_lock", "__mutex_lock_common", "__mutex_lock_killable_slowpath",
    "__mutex_lock_interruptible_slowpath", "mutex_lock_killable", "mutex_lock_nested", "mutex_lock_io",
    "ww_mutex_lock", "__ww_mutex_lock", "__ww_mutex_lock_slowpath", "rt_mutex_slowlock", "__rt_mutex_slowlock",
    "rt_mutex_slowlock_block", "rt_mutex_lock", "rt_spin_lock", "rtlock_slowlock_locked",
)  # fmt: skip
OTHER_LOCKS: Step = (
    "rwsem_down_write_slowpath", "rwsem_down_read_slowpath", "rwsem_down_write_failed", "rwsem_down_read_failed",
    "rwsem_down_failed_common", "call_rwsem_down_read_failed", "call_rwsem_down_write_failed", "__down_read",
    "__down_write", "down_read", "down_write", "__down_write_nested", "rwbase_write_lock", "__rwbase_read_lock",
    "rwbase_read_lock", "__down", "__down_common", "__down_killable", "down", "__down_interruptible",
    "___down_common", "percpu_rwsem_wait", "percpu_down_write", "__percpu_down_read", "rwsem_down_failed", "rw_lock",
    "rwsem_down_read_failed_killable", "rwsem_down_write_failed_killable", "xfs_buf_lock", "__xfs_buf_lock",
    "xfs_buf_find_lock", "btrfs_tree_lock",
    "btrfs_tree_read_lock", "__btrfs_tree_lock", "__btrfs_tree_read_lock", "rrw_enter_read_impl",
    "rrw_enter_write", "xfs_ilock", "wait_extent_bit", "lock_extent_bits", "lock_extent",
)  # fmt: skip
NFS: Step = (
    "nlmclnt_block", "nlmclnt_wait",
    "nfs_wait_on_request", "nfs_wait_bit_killable", "nfs_wait_bit_uninterruptible", "rpc_wait_bit_killable",
    "__rpc_execute", "__rpc_wait_for_completion_task", "rpc_wait_for_completion_task",
    "nfs_wait_client_init_complete", "nfs4_wait_clnt_recover", "nfs4_handle_exception", "nfs4_delay",
    "nfs_commit_inode", "nfs_wb_all", "nfs_wb_page", "nfs_wb_folio", "nfs_sync_inode", "nfs_iocounter_wait",
    "nfs_clear_page_commit", "nfs_initialise_sb", "nfs_end_delegation_return", "nfs_start_io_read",
    "nfs_start_io_write",
)  # fmt: skip
CEPH: Step = (
    "ceph_mdsc_do_request", "ceph_mdsc_wait_request", "ceph_get_caps", "__ceph_get_caps", "try_get_cap_refs",
    "ceph_osdc_wait_request", "ceph_mdsc_sync", "ceph_writepages_start", "wait_unsafe_requests", "rbd_acquire_lock",
    "rbd_img_request_submit",
)  # fmt: skip
CIFS: Step = (
    "wait_for_response", "SendReceive", "SendReceive2", "compound_send_recv", "cifs_send_recv", "smb2_reconnect",
    "cifs_reconnect", "wait_for_free_request", "wait_for_free_credits", "cifs_wait_for_server_reconnect",
)  # fmt: skip
OTHER_SERVERS: Step = (
    "p9_client_rpc", "p9_client_zc_rpc", "p9_virtio_zc_request", "afs_wait_for_call_to_complete",
    "afs_wait_for_one_fs_probe", "afs_wait_for_operation", "rxrpc_wait_to_be_connected", "ptlrpc_set_wait",
    "ptlrpc_queue_wait", "cl_sync_io_wait", "osc_enter_cache", "osc_extent_wait", "ldlm_completion_ast",
)  # fmt: skip
"""Of 9p, AFS and Lustre."""
CLUSTER_LOCKS: Step = (
    "gfs2_glock_wait", "gfs2_glock_async_wait", "__ocfs2_cluster_lock", "ocfs2_wait_for_mask", "dlm_lock_sync",
    "o2net_send_message_vec", "o2net_send_message",
)  # fmt: skip
GRAPHICS: Step = (
    "dma_fence_default_wait", "dma_fence_wait_timeout", "dma_resv_wait_timeout", "i915_request_wait",
    "i915_request_wait_timeout", "drm_gem_fence_wait",
)  # fmt: skip
FUSE: Step = (
    "cxiWaitEventWait", "request_wait_answer",
    "__fuse_request_send", "fuse_request_send", "fuse_simple_request", "__fuse_simple_request",
    "fuse_wait_on_page_writeback", "fuse_set_nowrite", "fuse_sync_writes", "fuse_get_req", "fuse_block_alloc",
)  # fmt: skip
DRBD: Step = (
    "drbd_al_begin_io", "drbd_al_begin_io_prepare", "drbd_al_begin_io_commit", "_al_get", "inc_ap_bio",
    "drbd_make_request", "__drbd_make_request", "drbd_submit_bio", "drbd_md_get_buffer", "drbd_md_sync_page_io",
    "conn_wait_active_ee_empty", "drbd_wait_ee_list_empty", "drbd_set_role", "wait_until_done_or_force_detached",
    "drbd_bm_write", "drbd_suspend_io", "drbd_req_state", "_drbd_request_state",
)  # fmt: skip
JOURNAL: Step = (
    "xfs_iunpin_wait", "__xfs_iunpin_wait", "xfs_iflock", "__xfs_iflock", "jbd2_log_wait_commit", "log_wait_commit",
    "wait_transaction_locked", "add_transaction_credits", "start_this_handle", "do_get_write_access",
    "jbd2_journal_start", "jbd2__journal_start", "__log_wait_for_space", "__jbd2_log_wait_for_space",
    "jbd2_journal_commit_transaction", "jbd2_journal_lock_updates", "journal_start", "journal_commit_transaction",
    "xlog_grant_head_wait", "xlog_grant_head_check", "xfs_log_force", "xfs_log_force_seq", "xlog_wait_on_iclog",
    "_xfs_log_force", "_xfs_log_force_lsn", "xfs_log_reserve", "xlog_state_get_iclog_space", "xlog_cil_push_now",
    "xlog_cil_force_seq", "xlog_cil_force_lsn", "xlog_cil_push_work", "xfs_ail_push_all_sync", "xlog_cil_order_write",
    "wait_current_trans", "wait_for_commit", "btrfs_wait_for_commit", "btrfs_commit_transaction", "start_transaction",
    "btrfs_start_ordered_extent", "btrfs_start_ordered_extent_nowriteback", "btrfs_wait_ordered_range",
    "wait_log_commit", "btrfs_sync_log", "txg_wait_synced", "txg_wait_synced_impl", "txg_wait_synced_flags",
    "txg_wait_open", "dmu_tx_wait", "dmu_tx_assign", "dmu_tx_delay", "zil_commit", "zil_commit_impl",
    "zil_commit_waiter", "txg_thread_wait", "txg_sync_thread", "txg_quiesce_thread", "f2fs_issue_checkpoint",
    "f2fs_balance_fs", "xfs_trans_alloc", "do_journal_begin_r", "queue_log_writer", "nilfs_transaction_lock",
    "ext4_journal_start_sb", "bch2_journal_res_get_slowpath", "bch2_journal_flush_seq", "bch2_journal_reclaim_wait",
)  # fmt: skip
DISK: Step = (
    "wait_on_buffer", "__wait_on_buffer", "submit_bio_wait", "blk_wait_io", "blk_execute_rq", "blkdev_issue_flush",
    "dio_await_one", "dio_await_completion", "do_blockdev_direct_IO", "__blockdev_direct_IO", "__iomap_dio_rw",
    "iomap_dio_rw", "xfs_buf_iowait", "xfs_buf_submit", "_xfs_buf_read", "blk_mq_freeze_queue_wait",
    "blk_freeze_queue", "get_request", "get_request_wait", "__get_request_wait", "mmc_wait_for_req_done",
    "mmc_wait_for_req", "__mmc_claim_host", "mmc_blk_rw_wait", "mmc_blk_mq_issue_rq",
    "scsi_block_when_processing_errors", "scsi_execute_cmd", "scsi_execute", "__scsi_execute", "sd_sync_cache",
    "ata_port_wait_eh", "ata_exec_internal_sg", "md_write_start", "raid5_get_active_stripe", "raid5_make_request",
    "md_super_wait", "wait_barrier", "raid1_write_request", "regular_request_wait", "md_flush_request",
    "md_handle_request", "dm_wait_for_completion", "dm_suspend", "zio_wait", "blk_mq_get_request",
    "usb_stor_bulk_transfer_sglist", "usb_sg_wait", "usb_stor_msg_common", "nvme_submit_user_cmd",
    "__nvme_submit_sync_cmd", "nvme_wait_freeze", "blk_queue_enter", "__bio_queue_enter", "bio_queue_enter",
    "read_extent_buffer_pages", "wait_on_extent_buffer_writeback", "wait_block_group_cache_progress",
    "__block_write_begin_int", "bd_prepare_to_claim", "blkdev_put", "sync_bdevs", "__bread_gfp", "__bread",
    "bh_submit_read", "ext4_read_bh", "ext4_mpage_readpages", "lmLogSync", "squashfs_bio_read", "squashfs_read_data",
    "blkdev_issue_discard", "blkdev_issue_zeroout", "xfs_buf_submit_wait", "xfs_bwrite", "__xfs_buf_submit",
    "sync_dirty_buffer", "__sync_dirty_buffer", "write_dirty_buffer", "blk_mq_freeze_queue", "blk_execute_rq_nowait",
)  # fmt: skip
FILE_WRITEBACK: Step = (
    "balance_dirty_pages", "balance_dirty_pages_ratelimited", "__inode_wait_for_writeback",
    "inode_wait_for_writeback", "wb_wait_for_completion", "sync_inodes_sb", "wait_sb_inodes",
    "__writeback_inodes_sb_nr", "try_to_writeback_inodes_sb", "inode_sleep_on_writeback", "filemap_fdatawait_range",
    "__filemap_fdatawait_range", "filemap_fdatawait", "bdi_sched_wait", "writeback_inodes_sb_nr",
)  # fmt: skip
INODE: Step = (
    "__wait_on_freeing_inode", "find_inode_fast", "find_inode", "ifind_fast", "evict", "inode_wait", "wait_on_inode",
)  # fmt: skip
FILE_READ: Step = (
    "filemap_fault", "filemap_read", "filemap_get_pages", "filemap_update_page", "generic_file_buffered_read",
    "generic_file_read_iter", "generic_file_aio_read", "do_generic_file_read", "filemap_read_folio",
    "__lock_page_or_retry", "__folio_lock_or_retry", "__lock_page_killable", "__folio_lock_killable",
    "do_read_cache_page", "do_read_cache_folio", "read_cache_page", "read_cache_folio", "wait_on_page_read",
    "put_and_wait_on_page_locked", "folio_put_wait_locked", "mpage_readahead", "do_generic_mapping_read",
    "folio_wait_locked", "wait_on_page_locked", "read_pages",
)  # fmt: skip
PAGE_LOCK: Step = (
    "write_cache_pages", "extent_write_cache_pages", "__filemap_get_folio", "pagecache_get_page", "find_lock_page",
    "find_lock_entry", "grab_cache_page_write_begin", "find_or_create_page", "truncate_inode_pages_range",
    "invalidate_inode_pages2_range", "mpage_prepare_extent_to_map", "__folio_lock", "__lock_page", "folio_lock",
    "lock_page", "writeback_iter",
)  # fmt: skip
FLUSH: Step = (
    "__flush_work", "flush_work", "flush_workqueue", "__flush_workqueue", "lru_add_drain_all", "__lru_add_drain_all",
    "synchronize_rcu", "synchronize_rcu_expedited", "wait_rcu_gp", "__wait_rcu_gp", "synchronize_srcu",
    "__synchronize_srcu", "synchronize_sched", "rcu_barrier", "drain_all_pages", "kthread_stop", "cancel_work_sync",
    "__cancel_work_timer", "cancel_delayed_work_sync", "flush_delayed_work", "drain_workqueue", "_rcu_barrier",
    "kthread_flush_work", "kthread_park", "stop_one_cpu", "call_usermodehelper_exec", "wait_for_device_probe",
    "async_synchronize_cookie_domain", "cgroup_drain_dying",
)  # fmt: skip
