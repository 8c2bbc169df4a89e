//! The most memory that reading and writing a domain document has allocated at a time, in times the document's text; the
//! mean of all documents.
//!
//! usage: `xml_memory LIST`

use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use virt_benches::{read, texts, write};
use virt_conf::xml::ParseOptions;

#[global_allocator]
static ALLOCATED: Counting = Counting { now: AtomicUsize::new(0), most: AtomicUsize::new(0) };

fn main() -> Result<(), Box<dyn Error>> {
    let list = std::env::args().nth(1).ok_or("usage: xml_memory LIST")?;
    let texts = texts(&list)?;
    let options = ParseOptions::inactive();
    let mut most = 0;
    for text in &texts {
        let before = ALLOCATED.restart();
        // Boxed, so that all of it is counted.
        let domain = Box::new(read(text, &options)?);
        black_box(write(&domain));
        most += ALLOCATED.most.load(Relaxed) - before;
    }
    let length: usize = texts.iter().map(String::len).sum();
    println!("xml.memory\t{:.3}", most as f64 / length as f64);
    Ok(())
}

/// The system's allocator, with a count of the bytes in use.
struct Counting {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Counting {
    /// Forgets what was most in use before, and answers what is in use.
    fn restart(&self) -> usize {
        let now = self.now.load(Relaxed);
        self.most.store(now, Relaxed);
        now
    }

    fn add(&self, size: usize) {
        self.most.fetch_max(self.now.fetch_add(size, Relaxed) + size, Relaxed);
    }
}

// SAFETY: memory comes from the system's allocator and goes back to it, unchanged. What is moved to grow is counted at both
// its places, as it may be at both.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.add(layout.size());
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        self.now.fetch_sub(layout.size(), Relaxed);
        // SAFETY: likewise.
        unsafe { System.dealloc(memory, layout) }
    }
}
