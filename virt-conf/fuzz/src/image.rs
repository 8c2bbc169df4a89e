//! Disk images to begin with, and a count of what is read of one.

use std::cell::Cell;
use std::io;
use std::path::Path;

use virt_util::image::Bytes;

/// The most that reading one header may read, in bytes.
pub const MOST: u64 = 1 << 20;

/// Every format by libvirt's name.
pub const FORMATS: [&str; 16] = [
    "raw", "dir", "bochs", "cloop", "dmg", "iso", "vpc", "vhdx", "vdi", "ploop", "luks", "cow", "qcow",
    "qcow2", "qed", "vmdk",
];

/// An image that knows how much of it was read.
pub struct Counted<'a> {
    bytes: &'a [u8],
    taken: Cell<u64>,
}

impl<'a> Counted<'a> {
    /// Nothing was read yet.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, taken: Cell::new(0) }
    }

    /// How many bytes were, each as often as it was.
    pub fn taken(&self) -> u64 {
        self.taken.get()
    }
}

impl Bytes for Counted<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.bytes.read_at(buffer, offset)?;
        self.taken.set(self.taken.get() + count as u64);
        Ok(count)
    }

    fn length(&self) -> io::Result<u64> {
        self.bytes.length()
    }
}

/// Writes seeds and a dictionary to the directory that `VIRT_FUZZ_PREPARE` names, where it names one, and ends the program.
///
/// # Panics
///
/// When they cannot be written.
pub fn prepare_if_asked() {
    let Some(directory) = std::env::var_os("VIRT_FUZZ_PREPARE") else { return };
    prepare(Path::new(&directory))
        .unwrap_or_else(|error| panic!("cannot write to {}: {error}", directory.display()));
    std::process::exit(0);
}

fn prepare(directory: &Path) -> io::Result<()> {
    let seeds = directory.join("seeds");
    std::fs::create_dir_all(&seeds)?;
    for (number, (_, seed)) in seeds_of().iter().enumerate() {
        std::fs::write(seeds.join(number.to_string()), seed)?;
    }
    const WORDS: &[&[u8]] = &[
        b"QFI\xfb",
        b"QED\0",
        b"KDMV",
        b"LUKS\xba\xbe",
        b"conectix",
        b"vhdxfile",
        b"regi",
        b"metadata",
        b"koly",
        b"\x7f\x10\xda\xbe",
        b"WithoutFreeSpace",
        b"OOOM",
        b"CD001",
        b"\xe2\x79\x2a\xca",
        b"DATA",
        b"# Disk DescriptorFile",
        b"parentFileNameHint=\"",
        b"\nCID=",
        b"\nparentCID=",
        b"ffffffff",
        b"json:{",
        b"nbd://",
        b"file:",
        b"raw",
        b"qcow2",
    ];
    let escaped = |word: &&[u8]| {
        let bytes: String = word.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        format!("\"{bytes}\"\n")
    };
    std::fs::write(directory.join("dictionary"), WORDS.iter().map(escaped).collect::<String>())
}

/// Bytes at their places, zeros between them.
fn image(length: usize, parts: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; length];
    for (place, part) in parts {
        bytes[*place..place + part.len()].copy_from_slice(part);
    }
    bytes
}

/// A whole header of each format that has one.
fn seeds_of() -> Vec<(&'static str, Vec<u8>)> {
    let be32 = |number: u32| number.to_be_bytes();
    let be64 = |number: u64| number.to_be_bytes();
    let le32 = |number: u32| number.to_le_bytes();
    let le64 = |number: u64| number.to_le_bytes();
    let qcow2 = |version: u32, start: usize, more: &[(usize, &[u8])]| {
        let (magic, bits, size) = (be32(version), be32(16), be64(1 << 30));
        let (place, length, header) = (be64(start as u64), be32(8), be32(104));
        let mut parts: Vec<(usize, &[u8])> = vec![
            (0, b"QFI\xfb"),
            (4, &magic),
            (8, &place),
            (16, &length),
            (20, &bits),
            (24, &size),
            (100, &header),
            (start, b"base.img"),
        ];
        parts.extend(more);
        image(1024, &parts)
    };
    let descriptor = b"# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=12345678\ncreateType=\"monolithicSparse\"\n\
                       parentFileNameHint=\"base.vmdk\"\nRW 2048 SPARSE \"web.vmdk\"\n";
    vec![
        ("raw", image(512, &[])),
        ("qcow2", qcow2(2, 512, &[(72, &[0xe2, 0x79, 0x2a, 0xca, 0, 0, 0, 3]), (80, b"raw")])),
        (
            "qcow2",
            qcow2(
                3,
                512,
                &[
                    (72, &be64(4)),
                    (104, &[0xe2, 0x79, 0x2a, 0xca, 0, 0, 0, 5]),
                    (112, b"qcow2"),
                    (120, b"DATA\0\0\0\x03raw"),
                ],
            ),
        ),
        (
            "qcow",
            image(
                512,
                &[
                    (0, b"QFI\xfb"),
                    (4, &be32(1)),
                    (8, &be64(64)),
                    (16, &be32(4)),
                    (24, &be64(1 << 20)),
                    (64, b"base"),
                ],
            ),
        ),
        (
            "qed",
            image(
                512,
                &[
                    (0, b"QED\0"),
                    (4, &le32(1 << 16)),
                    (16, &le64(1)),
                    (48, &le64(1 << 20)),
                    (56, &le32(64)),
                    (60, &le32(4)),
                    (64, b"base"),
                ],
            ),
        ),
        (
            "vmdk",
            image(
                2048,
                &[
                    (0, b"KDMV"),
                    (4, &le32(1)),
                    (12, &le64(2048)),
                    (28, &le64(1)),
                    (36, &le64(2)),
                    (512, descriptor.as_slice()),
                ],
            ),
        ),
        ("luks", image(1024, &[(0, b"LUKS\xba\xbe\0\x01"), (104, &be32(4096))])),
        ("vpc", image(1024, &[(0, b"conectix"), (12, &be32(0x1_0000)), (48, &be64(1 << 20))])),
        ("vhdx", image(4096, &[(0, b"vhdxfile")])),
        ("vdi", image(1024, &[(64, b"\x7f\x10\xda\xbe"), (68, &le32(0x1_0001)), (0x170, &le64(1 << 20))])),
        ("ploop", image(512, &[(0, b"WithoutFreeSpace"), (16, &le32(2)), (36, &le64(2048))])),
        ("bochs", image(512, &[(0, b"Bochs Virtual HD Image"), (64, &le32(0x2_0000)), (72, &le32(512))])),
        (
            "cloop",
            image(
                512,
                &[(
                    0,
                    b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n"
                        .as_slice(),
                )],
            ),
        ),
        ("cow", image(2048, &[(0, b"OOOM"), (4, &be32(2)), (8, b"base.img")])),
        ("dmg", image(1024, &[(512, b"koly")])),
        ("iso", image(33 << 10, &[(0x8001, b"CD001")])),
    ]
}
