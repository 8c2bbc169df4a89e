//! Devices, kind by kind in libvirt's order.

use super::{NIL, NULL, Pair, Row, UNSET, named, number, row, special};
use crate::error::unsupported;
use crate::tree::Tree;
use crate::xml::Result;

/// A kind of device.
struct Family {
    element: &'static str,
    /// The sentence where there are more of them on one side.
    count: &'static str,
    rows: &'static [Row],
    /// What no row can say, after them.
    further: fn(Pair<'_>) -> Result<()>,
    /// Whether it has options of virtio in its `<driver>`.
    virtio: bool,
    /// Rows that are looked at after the address.
    last: &'static [Row],
}

const FAMILY: Family =
    Family { element: "", count: "", rows: &[], further: |_| Ok(()), virtio: false, last: &[] };

const FAMILIES: &[Family] = &[
    Family {
        element: "disk",
        count: "Target domain disk count {target} does not match source {source}",
        rows: &[
            row("@device", "disk", "Target disk device {target} does not match source {source}"),
            row("target/@bus", "none", "Target disk bus {target} does not match source {source}"),
            row("target/@dev", NIL, "Target disk {target} does not match source {source}"),
            row("serial", NULL, "Target disk serial {target} does not match source {source}"),
            row("wwn", NULL, "Target disk wwn '{target}' does not match source '{source}'"),
            row("readonly", "no", "Target disk access mode does not match source"),
            row("@model", UNSET, "Target disk model {target} does not match source {source}"),
            row(
                "target/@rotation_rate",
                "0",
                "Target disk rotation rate {target} RPM does not match source {source} RPM",
            ),
            row("driver/@queues", "0", "Target disk queue count {target} does not match source {source}"),
        ],
        further: special::queue_size,
        virtio: true,
        last: &[
            row(
                "blockio/@logical_block_size",
                "0",
                "Target disk logical_block_size {target} does not match source {source}",
            ),
            row(
                "blockio/@physical_block_size",
                "0",
                "Target disk physical_block_size {target} does not match source {source}",
            ),
            row(
                "blockio/@discard_granularity",
                "0",
                "Target disk discard_granularity {target} does not match source {source}",
            ),
        ],
    },
    Family {
        element: "controller",
        count: "Target domain controller count {target} does not match source {source}",
        rows: &[
            row("@type", NIL, "Target controller type {target} does not match source {source}"),
            row("@index", "0", "Target controller index {target} does not match source {source}"),
        ],
        further: special::controller,
        virtio: true,
        ..FAMILY
    },
    Family {
        element: "filesystem",
        count: "Target domain filesystem count {target} does not match source {source}",
        rows: &[
            row("target/@dir", NIL, "Target filesystem guest target {target} does not match source {source}"),
            row("readonly", "no", "Target filesystem access mode does not match source"),
            row("@model", UNSET, "Target filesystem model does not match source"),
        ],
        virtio: true,
        ..FAMILY
    },
    Family {
        element: "interface",
        count: "Target domain net card count {target} does not match source {source}",
        rows: &[row("mac/@address", NIL, "Target network card mac {target} does not match source {source}")],
        further: special::card,
        virtio: true,
        ..FAMILY
    },
    Family {
        element: "input",
        count: "Target domain input device count {target} does not match source {source}",
        rows: &[
            row("@type", NIL, "Target input device type {target} does not match source {source}"),
            row("@bus", UNSET, "Target input device bus {target} does not match source {source}"),
        ],
        further: special::input_model,
        virtio: true,
        ..FAMILY
    },
    Family {
        element: "sound",
        count: "Target domain sound card count {target} does not match source {source}",
        rows: &[row("@model", NIL, "Target sound card model {target} does not match source {source}")],
        further: special::multichannel,
        ..FAMILY
    },
    Family {
        element: "video",
        count: "Target domain video card count {target} does not match source {source}",
        rows: &[
            row("model/@type", UNSET, "Target video card model {target} does not match source {source}"),
            row("model/@ram", "0", "Target video card ram {target} does not match source {source}"),
            row("model/@vram", "0", "Target video card vram {target} does not match source {source}"),
            row("model/@vram64", "0", "Target video card vram64 {target} does not match source {source}"),
            row("model/@vgamem", "0", "Target video card vgamem {target} does not match source {source}"),
            row("model/@heads", "0", "Target video card heads {target} does not match source {source}"),
        ],
        further: special::acceleration,
        virtio: true,
        ..FAMILY
    },
    Family {
        element: "hostdev",
        count: "Target domain host device count {target} does not match source {source}",
        rows: &[row("@mode", "subsystem", "Target host device mode {target} does not match source {source}")],
        further: special::subsystem,
        ..FAMILY
    },
    Family {
        element: "smartcard",
        count: "Target domain smartcard count {target} does not match source {source}",
        ..FAMILY
    },
    Family {
        element: "serial",
        count: "Target domain serial port count {target} does not match source {source}",
        rows: &[
            row("target/@type", "none", "Target serial type {target} does not match source {source}"),
            row("target/model/@name", "none", "Target serial model {target} does not match source {source}"),
            row("target/@port", "0", "Target serial port {target} does not match source {source}"),
        ],
        ..FAMILY
    },
    Family {
        element: "parallel",
        count: "Target domain parallel port count {target} does not match source {source}",
        rows: &[row("target/@port", "0", "Target parallel port {target} does not match source {source}")],
        ..FAMILY
    },
    Family {
        element: "channel",
        count: "Target domain channel count {target} does not match source {source}",
        rows: &[row("target/@type", "none", "Target channel type {target} does not match source {source}")],
        further: special::channel,
        ..FAMILY
    },
    Family {
        element: "console",
        count: "Target domain console count {target} does not match source {source}",
        rows: &[row("target/@type", "none", "Target console type {target} does not match source {source}")],
        ..FAMILY
    },
    Family {
        element: "hub",
        count: "Target domain hub device count {target} does not match source {source}",
        rows: &[row("@type", NIL, "Target hub device type {target} does not match source {source}")],
        ..FAMILY
    },
    Family {
        element: "redirdev",
        count: "Target domain redirected devices count {target} does not match source {source}",
        rows: &[
            row("@bus", "usb", "Target redirected device bus {target} does not match source {source}"),
            row(
                "@type",
                NIL,
                "Target redirected device source type {target} does not match source device source type {source}",
            ),
        ],
        ..FAMILY
    },
    Family {
        element: "redirfilter",
        count: "Target domain USB redirection filter count {target} does not match source {source}",
        further: special::redirection_rules,
        ..FAMILY
    },
    Family {
        element: "watchdog",
        count: "Target domain watchdog device count {target} does not match source {source}",
        rows: &[row("@model", NIL, "Target watchdog model {target} does not match source {source}")],
        ..FAMILY
    },
    Family {
        element: "memballoon",
        count: "Target domain memory balloon count {target} does not match source {source}",
        rows: &[
            row("@model", NIL, "Target balloon model {target} does not match source {source}"),
            row(
                "@autodeflate",
                UNSET,
                "Target balloon autodeflate attribute value '{target}' does not match source '{source}'",
            ),
            row(
                "@freePageReporting",
                UNSET,
                "Target balloon freePageReporting attribute value '{target}' does not match source '{source}'",
            ),
        ],
        virtio: true,
        ..FAMILY
    },
    Family {
        element: "rng",
        count: "Target domain RNG device count {target} does not match source {source}",
        rows: &[row("@model", NIL, "Target RNG model '{target}' does not match source '{source}'")],
        virtio: true,
        ..FAMILY
    },
    Family {
        element: "panic",
        count: "Target domain panic device count {target} does not match source {source}",
        rows: &[row("@model", UNSET, "Target panic model '{target}' does not match source '{source}'")],
        ..FAMILY
    },
    Family {
        element: "shmem",
        count: "Target domain shared memory device count {target} does not match source {source}",
        rows: &[
            row("@role", UNSET, "Target shared memory role '{target}' does not match source role '{source}'"),
            row(
                "model/@type",
                "ivshmem",
                "Target shared memory model '{target}' does not match source model '{source}'",
            ),
        ],
        further: special::shared_memory,
        ..FAMILY
    },
    Family {
        element: "tpm",
        count: "Target domain TPM device count {target} does not match source {source}",
        rows: &[
            row("backend/@type", NIL, "Target TPM device type doesn't match source"),
            row("@model", UNSET, "Target TPM device model doesn't match source"),
        ],
        further: special::tpm,
        ..FAMILY
    },
    Family {
        element: "memory",
        count: "Target domain memory device count {target} does not match source {source}",
        rows: &[
            row("@model", NIL, "Target memory device model '{target}' doesn't match source model '{source}'"),
            row(
                "target/node",
                "-1",
                "Target memory device targetNode '{target}' doesn't match source targetNode '{source}'",
            ),
            row(
                "target/size",
                "0",
                "Target memory device size '{target}' doesn't match source memory device size '{source}'",
            ),
        ],
        further: special::memory,
        ..FAMILY
    },
    Family {
        element: "iommu",
        count: "Target domain IOMMU device count does not match source",
        rows: &[
            row(
                "@model",
                NIL,
                "Target domain IOMMU device model '{target}' does not match source '{source}'",
            ),
            row(
                "driver/@intremap",
                UNSET,
                "Target domain IOMMU device intremap value '{target}' does not match source '{source}'",
            ),
            row(
                "driver/@caching_mode",
                UNSET,
                "Target domain IOMMU device caching mode '{target}' does not match source '{source}'",
            ),
            row(
                "driver/@eim",
                UNSET,
                "Target domain IOMMU device eim value '{target}' does not match source '{source}'",
            ),
            row(
                "driver/@iotlb",
                UNSET,
                "Target domain IOMMU device iotlb value '{target}' does not match source '{source}'",
            ),
            row(
                "driver/@aw_bits",
                "0",
                "Target domain IOMMU device aw_bits value '{target}' does not match source '{source}'",
            ),
            row(
                "driver/@dma_translation",
                UNSET,
                "Target domain IOMMU device dma translation '{target}' does not match source '{source}'",
            ),
        ],
        ..FAMILY
    },
    Family {
        element: "vsock",
        count: "Target domain vsock device count does not match source",
        rows: &[row(
            "@model",
            UNSET,
            "Target domain vsock device model '{target}' does not match source '{source}'",
        )],
        virtio: true,
        ..FAMILY
    },
    Family {
        element: "pstore",
        count: "Target domain pstore device count does not match source",
        rows: &[
            row("@backend", NIL, "Target pstore device backend '{target}' does not match source '{source}'"),
            row("size", "0", "Target pstore size '{target}' does not match source '{source}'"),
        ],
        ..FAMILY
    },
];

pub(super) fn check(pair: Pair<'_>) -> Result<()> {
    let devices = pair.below("devices");
    for family in FAMILIES {
        for device in devices.every(|tree| members(tree, family.element), family.count)? {
            device.check(family.rows)?;
            (family.further)(device)?;
            if family.virtio {
                virtio(device)?;
            }
            // Of the rules of redirection alone nothing is at a place.
            address(device)?;
            device.check(family.last)?;
        }
    }
    Ok(())
}

/// The devices of a family. A network card that the host hands over is a device of the host, too, and before the others.
fn members<'a>(devices: &'a Tree, element: &str) -> Vec<&'a Tree> {
    let mut all = Vec::new();
    if element == "hostdev" {
        let cards = devices.children.iter().filter(|device| device.name == "interface");
        all.extend(cards.filter(|card| card.attr("type") == Some("hostdev")));
    }
    all.extend(named(devices, element));
    all
}

fn virtio(device: Pair<'_>) -> Result<()> {
    let (source, target) = device.has("driver");
    if source != target {
        return Err(unsupported("Target device virtio options don't match the source"));
    }
    device.check(&[
        row("driver/@iommu", UNSET, "Target device iommu option '{target}' does not match source '{source}'"),
        row("driver/@ats", UNSET, "Target device ats option '{target}' does not match source '{source}'"),
        row(
            "driver/@packed",
            UNSET,
            "Target device packed option '{target}' does not match source '{source}'",
        ),
        row(
            "driver/@page_per_vq",
            UNSET,
            "Target device page_per_vq option '{target}' does not match source '{source}'",
        ),
    ])
}

/// How libvirt shows an address of a type, and what of it must be the same.
fn shown(address: &Tree, kind: &str) -> Option<String> {
    let get = |name: &str| number(address, name);
    Some(match kind {
        "pci" => format!(
            "PCI address {:04x}:{:02x}:{:02x}.{}",
            get("@domain"),
            get("@bus"),
            get("@slot"),
            get("@function")
        ),
        "drive" => format!("drive address {}:{}:{}", get("@controller"), get("@bus"), get("@unit")),
        "virtio-serial" => {
            format!("virtio serial address {}:{}:{}", get("@controller"), get("@bus"), get("@port"))
        }
        "ccid" => format!("ccid address {}:{}", get("@controller"), get("@slot")),
        "isa" => format!("isa address {}:{}", get("@iobase"), get("@irq")),
        "ccw" => format!("CCW address {:x}.{:x}.{:04x}", get("@cssid"), get("@ssid"), get("@devno")),
        _ => return None,
    })
}

fn address(device: Pair<'_>) -> Result<()> {
    device.check(&[row(
        "address/@type",
        "none",
        "Target device address type {target} does not match source {source}",
    )])?;
    let at = device.below("address");
    let kind = at.source.attr("type").unwrap_or_default();
    if let (Some(source), Some(target)) = (shown(at.source, kind), shown(at.target, kind))
        && source != target
    {
        let source = source.rsplit(' ').next().unwrap_or_default();
        return Err(unsupported(format!("Target device {target} does not match source {source}")));
    }
    if kind == "dimm" {
        at.check(&[row("@slot", "0", "Target device dimm slot {target} does not match source {source}")])?;
        let base = |tree| format!("{:x}", number(tree, "@base"));
        let sentence = "Target device dimm base address '{target}' does not match source '{source}'";
        at.same(&base(at.source), &base(at.target), sentence)?;
    }
    device.check(&[row("acpi/@index", "0", "Target ACPI index '{target}' does not match source '{source}'")])
}
