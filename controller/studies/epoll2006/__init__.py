"""The epoll web-server benchmark of 2006, run through the real allocators and priced with published costs.

Polyakov, 14 and 16 August 2006: a trivial epoll web server served 1600-1800 requests/s with kmalloc, more than 2300 (2450)
with his allocator. Asked whether cache statistics stood behind his explanation, he answered that it was theory from reading
the code (lkml 20060814194201.GA10747). So: what do the operations that he names add up to?

    server   what one request allocates, touches and frees, on which CPU
    kmalloc  the slab allocator behind the per-CPU arrays that Linux 2.6.17 had before it
    tree     the network tree allocator, watched while it works
    caches   which lines the CPUs hold: every touch is a hit, a bounce or a miss
    costs    what each kind of operation cost in 2006, with source and range
    claim    ratio, sensitivity, break-even
"""
