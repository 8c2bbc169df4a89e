//! What this host's x86 processor says of itself; on other architectures, nothing.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

/// An answer of the instruction CPUID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the names of registers")]
pub struct Answer {
    pub eax: u32,
    pub ebx: u32,
    pub ecx: u32,
    pub edx: u32,
}

/// Where the leaves begin that tell the highest one of their kind: the plain ones, and those that AMD added.
const FIRST: [u32; 2] = [0, 0x8000_0000];

#[cfg(target_arch = "x86_64")]
fn ask(leaf: u32, subleaf: u32) -> Answer {
    // Every processor of this architecture has the instruction.
    let answer = std::arch::x86_64::__cpuid_count(leaf, subleaf);
    Answer { eax: answer.eax, ebx: answer.ebx, ecx: answer.ecx, edx: answer.edx }
}

#[cfg(not(target_arch = "x86_64"))]
fn ask(_leaf: u32, _subleaf: u32) -> Answer {
    Answer::default()
}

/// The answer to `leaf`, in EAX, and a part of it, in ECX; nothing where the processor has no such leaf.
///
/// ```
/// use virt_util::cpuid;
///
/// if cfg!(target_arch = "x86_64") {
///     assert_ne!(cpuid::read(1, 0).unwrap().eax, 0);
/// }
/// assert_eq!(cpuid::read(0x7fff_ffff, 0), None);
/// ```
#[must_use]
pub fn read(leaf: u32, subleaf: u32) -> Option<Answer> {
    let first = FIRST.into_iter().rev().find(|first| *first <= leaf)?;
    let highest = ask(first, 0).eax;
    // A processor answers what is beyond the last leaf with the last leaf's content.
    if !cfg!(target_arch = "x86_64") || !(first..=highest).contains(&leaf) {
        return None;
    }
    let beyond = leaf == 7 && subleaf > ask(7, 0).eax;
    (!beyond).then(|| ask(leaf, subleaf))
}

/// A machine-specific register; nothing where the processor has no such register, or nobody tells us: reading it takes
/// `CAP_SYS_RAWIO` and the kernel's module `msr`, and those that say what a processor can do, `/dev/kvm`.
#[must_use]
pub fn machine_register(index: u32) -> Option<u64> {
    from_module(index).or_else(|| from_kvm(index))
}

fn from_module(index: u32) -> Option<u64> {
    let mut value = [0; 8];
    File::open("/dev/cpu/0/msr").ok()?.read_exact_at(&mut value, index.into()).ok()?;
    Some(u64::from_le_bytes(value))
}

fn from_kvm(index: u32) -> Option<u64> {
    /// `struct kvm_msrs` with one entry.
    #[repr(C)]
    struct Registers {
        count: u32,
        padding: u32,
        index: u32,
        reserved: u32,
        value: u64,
    }
    const GET: nix::libc::Ioctl = 0xc008_ae88;
    let kvm = File::open("/dev/kvm").ok()?;
    let mut registers = Registers { count: 1, padding: 0, index, reserved: 0, value: 0 };
    // SAFETY: the descriptor is open, and `registers` is as long as its count says and lives for the call.
    let read = unsafe { nix::libc::ioctl(kvm.as_raw_fd(), GET, &raw mut registers) };
    (read == 1).then_some(registers.value)
}
