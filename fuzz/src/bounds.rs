//! The bound on memory: inputs are at most some kilobytes long, so nothing that they say may ask for much.
//!
//! libFuzzer can watch single allocations only under a sanitizer, and these targets are built without one.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most bytes that may be allocated at any moment.
const LIVE_BYTES_MAX: usize = 256 << 20;

struct Bounded {
    live: AtomicUsize,
}

#[global_allocator]
static BOUNDED: Bounded = Bounded { live: AtomicUsize::new(0) };

impl Bounded {
    /// Counts `bytes` in; ends the process where that is too many, which libFuzzer takes for a finding.
    fn grow(&self, bytes: usize) {
        let before = self.live.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > LIVE_BYTES_MAX {
            // Printing allocates: let that pass.
            self.live.store(0, Ordering::Relaxed);
            eprintln!("memory without bound: {bytes} bytes asked for on top of {before}");
            std::process::abort();
        }
    }

    fn shrink(&self, bytes: usize) {
        self.live.fetch_sub(bytes, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to `System` as it came.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.grow(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.grow(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.grow(size);
        self.shrink(layout.size());
        unsafe { System.realloc(ptr, layout, size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        self.shrink(layout.size());
        unsafe { System.dealloc(ptr, layout) }
    }
}
