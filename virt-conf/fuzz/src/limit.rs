//! Limits: the stack that every thread of Rust's has, and memory in proportion to the input.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The stack of a thread that nobody asked more for.
const STACK: u64 = 2 << 20;

/// How much memory any document may take, and how many times its length besides. An empty element of a few letters is a model with
/// hundreds of fields, so that the factor is large; what grows faster than the input still passes it soon.
const MEMORY: (usize, usize) = (1 << 20, 4096);

/// Counts what is allocated.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is left to the system's allocator, and counting touches no memory of anybody's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract, which is the same one.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract, which is the same one.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Runs `work` on an input of this length.
///
/// # Panics
///
/// When it takes more memory than such an input may.
pub fn memory<T>(length: usize, work: impl FnOnce() -> T) -> T {
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let done = work();
    let taken = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    let most = MEMORY.0 + MEMORY.1 * length;
    assert!(taken <= most, "{length} bytes of input took {taken} bytes of memory, more than {most}");
    done
}

/// Lets the main thread, on which everything runs, have no more stack than others have; and gives libFuzzer a place to
/// say which input has used it up.
///
/// # Panics
///
/// When the system refuses.
pub fn stack() {
    let (_, hard) = getrlimit(Resource::RLIMIT_STACK).expect("a process may ask for its own limits");
    setrlimit(Resource::RLIMIT_STACK, STACK.min(hard), hard).expect("a limit can be made smaller");
    let size = 64 << 10;
    let place = Box::leak(vec![0u8; size].into_boxed_slice());
    let other = libc::stack_t { ss_sp: place.as_mut_ptr().cast(), ss_flags: 0, ss_size: size };
    // SAFETY: the memory stays for as long as the process, and nothing else uses it.
    let outcome = unsafe { libc::sigaltstack(&raw const other, std::ptr::null_mut()) };
    assert_eq!(outcome, 0, "signals cannot have a stack of their own");
}
