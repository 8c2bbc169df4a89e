//! What of single kinds of devices no row of a table can say.

use super::{NIL, NULL, Pair, UNSET, number, row};
use crate::error::unsupported;
use crate::model::{Controller, Input};
use crate::tree::Tree;
use crate::xml::{Fields as _, Kind, Result, Shape};

/// libvirt shows the number of queues where their size differs.
pub(super) fn queue_size(disk: Pair<'_>) -> Result<()> {
    let size = |tree| number(tree, "driver/@queue_size");
    if size(disk.source) == size(disk.target) {
        return Ok(());
    }
    let queues = |tree| number(tree, "driver/@queues");
    let (source, target) = (queues(disk.source), queues(disk.target));
    Err(unsupported(format!("Target disk queue size {target} does not match source {source}")))
}

/// The place of a controller's model in libvirt's list of its type; -1 where there is none.
fn model_number(tree: &Tree) -> String {
    let shape = tree.shape(|shape| Controller::describe(None, shape));
    let known = shape.find_attr("model").map(|about| about.kind);
    let place = match (known, tree.attr("model")) {
        (Some(Kind::OneOf(all)), Some(model)) => all.iter().position(|spelling| spelling.name == model),
        _ => None,
    };
    place.map_or_else(|| "-1".to_owned(), |place| place.to_string())
}

pub(super) fn controller(device: Pair<'_>) -> Result<()> {
    device.same(
        &model_number(device.source),
        &model_number(device.target),
        "Target controller model {target} does not match source {source}",
    )?;
    let ports = row("@ports", "-1", "Target controller ports {target} does not match source {source}");
    let vectors = row("@vectors", "-1", "Target controller vectors {target} does not match source {source}");
    match device.source.attr("type") {
        Some("virtio-serial") => device.check(&[ports, vectors]),
        Some("usb") => device.check(&[ports]),
        _ => Ok(()),
    }
}

/// libvirt takes the place of a model in its list for that of a bus.
pub(super) fn input_model(device: Pair<'_>) -> Result<()> {
    let shape = Shape::of::<Input>();
    let spellings = |name: &str| match shape.find_attr(name).map(|about| about.kind) {
        Some(Kind::OneOf(all)) => all,
        _ => &[],
    };
    let shown = |tree: &Tree| {
        let place =
            tree.attr("model").and_then(|model| spellings("model").iter().position(|it| it.name == model));
        let bus = place.and_then(|place| spellings("bus").get(place));
        bus.map_or(UNSET, |bus| bus.name).to_owned()
    };
    device.same(
        &shown(device.source),
        &shown(device.target),
        "Target input model {target} does not match source {source}",
    )
}

/// The cards that libvirt knows by name.
const CARDS: &[&str] = &[
    "netfront",
    "rtl8139",
    "virtio",
    "e1000",
    "e1000e",
    "igb",
    "virtio-transitional",
    "virtio-non-transitional",
    "usb-net",
    "spapr-vlan",
    "lan9118",
    "scm91c111",
    "vlance",
    "vmxnet",
    "vmxnet2",
    "vmxnet3",
    "Am79C970A",
    "Am79C973",
    "82540EM",
    "82545EM",
    "82543GC",
];

/// Of models, libvirt first compares those that it does not know, then the others; either is nothing to the other.
pub(super) fn card(device: Pair<'_>) -> Result<()> {
    let model = |tree: &'_ Tree, known: bool| {
        tree.value("model/@type").filter(|model| CARDS.contains(model) == known).map(str::to_owned)
    };
    for (known, absent) in [(false, NULL), (true, "unknown")] {
        let shown = |tree| model(tree, known).unwrap_or_else(|| absent.to_owned());
        device.same(
            &shown(device.source),
            &shown(device.target),
            "Target network card model {target} does not match source {source}",
        )?;
    }
    device.check(&[row("mtu/@size", "0", "Target network card MTU {target} does not match source {source}")])
}

pub(super) fn multichannel(device: Pair<'_>) -> Result<()> {
    if device.source.attr("model") != Some("usb") {
        return Ok(());
    }
    device.check(&[row(
        "@multichannel",
        UNSET,
        "Target sound card multichannel setting '{target}' does not match source '{source}'",
    )])
}

pub(super) fn acceleration(device: Pair<'_>) -> Result<()> {
    let model = device.below("model");
    let (source, target) = model.has("acceleration");
    if source != target {
        return Err(unsupported("Target video card acceleration does not match source"));
    }
    // Switches are shown as libvirt counts them.
    let counted = |tree: &Tree, path: &str| match tree.value(path) {
        Some("yes") => 1,
        Some("no") => 2,
        _ => 0,
    };
    for (path, name) in [("acceleration/@accel2d", "2d"), ("acceleration/@accel3d", "3d")] {
        let sentence = format!("Target video card {name} accel {{target}} does not match source {{source}}");
        model.same_number(counted(model.source, path), counted(model.target, path), &sentence)?;
    }
    Ok(())
}

/// A PCI device may become a mediated one, and the other way round: the hypervisor knows whether that goes well.
pub(super) fn subsystem(device: Pair<'_>) -> Result<()> {
    if device.source.attr("mode") == Some("capabilities") {
        return Ok(());
    }
    let kind = |tree: &'_ Tree| match tree.name.as_str() {
        "interface" => Some("pci".to_owned()),
        _ => tree.attr("type").map(str::to_owned),
    };
    let (source, target) = (kind(device.source), kind(device.target));
    let exchangeable = |kind: &Option<String>| matches!(kind.as_deref(), Some("pci" | "mdev"));
    if source == target || (exchangeable(&source) && exchangeable(&target)) {
        return Ok(());
    }
    Err(unsupported(format!(
        "Target host device subsystem type {} is not compatible with source subsystem type {}",
        target.as_deref().unwrap_or(NIL),
        source.as_deref().unwrap_or(NIL)
    )))
}

pub(super) fn channel(device: Pair<'_>) -> Result<()> {
    match device.source.value("target/@type") {
        Some("virtio" | "xen") => {
            device.check(&[row(
                "target/@name",
                NULL,
                "Target channel name {target} does not match source {source}",
            )])?;
            let agents = [device.source, device.target].map(|tree| tree.attr("type") == Some("spicevmc"));
            if agents[0] != agents[1] && device.source.value("target/@name").is_none() {
                let sentence =
                    "Changing device type to/from spicevmc would change default target channel name";
                return Err(unsupported(sentence));
            }
            Ok(())
        }
        Some("guestfwd") => {
            let shown = |tree: &Tree| {
                let part = |path| tree.value(path).unwrap_or_default().to_owned();
                format!("{}:{}", part("target/@address"), part("target/@port"))
            };
            device.same(
                &shown(device.source),
                &shown(device.target),
                "Target channel addr {target} does not match source {source}",
            )
        }
        _ => Ok(()),
    }
}

pub(super) fn redirection_rules(filter: Pair<'_>) -> Result<()> {
    let count = "Target USB redirection filter rule count {target} does not match source {source}";
    for rule in filter.all("usbdev", count)? {
        rule.check(&[
            row("@class", "-1", "Target USB Class code does not match source"),
            row("@vendor", "-1", "Target USB vendor ID does not match source"),
            row("@product", "-1", "Target USB product ID does not match source"),
            row("@version", "-1", "Target USB version does not match source"),
            row("@allow", "no", "Target USB allow '{target}' does not match source '{source}'"),
        ])?;
    }
    Ok(())
}

pub(super) fn shared_memory(device: Pair<'_>) -> Result<()> {
    let bytes = |tree: &Tree| number(tree, "size").saturating_mul(1024 * 1024);
    device.same_number(
        bytes(device.source),
        bytes(device.target),
        "Target shared memory size '{target}' does not match source size '{source}'",
    )?;
    let (source, target) = device.has("server");
    if source != target {
        return Err(unsupported("Target shared memory server usage doesn't match source"));
    }
    if device.source.child("msi") != device.target.child("msi") {
        return Err(unsupported("Target shared memory MSI configuration doesn't match source"));
    }
    Ok(())
}

pub(super) fn tpm(device: Pair<'_>) -> Result<()> {
    if device.source.value("backend/@type") != Some("emulator") {
        return Ok(());
    }
    device.check(&[row("backend/@version", UNSET, "Target TPM version doesn't match source")])?;
    let backend = device.below("backend");
    if backend.source.child("active_pcr_banks") != backend.target.child("active_pcr_banks") {
        return Err(unsupported("Target active PCR banks doesn't match source"));
    }
    Ok(())
}

pub(super) fn memory(device: Pair<'_>) -> Result<()> {
    let address = |tree: &Tree| format!("0x{:x}", number(tree, "target/address/@base"));
    let addresses = (address(device.source), address(device.target));
    let moved =
        "Target memory device address '{target}' doesn't match source memory device address '{source}'";
    match device.source.attr("model") {
        Some("nvdimm") => device.check(&[
            // libvirt has the two the wrong way round.
            row(
                "target/label/size",
                "0",
                "Target NVDIMM label size '{source}' doesn't match source NVDIMM label size '{target}'",
            ),
            row(
                "source/alignsize",
                "0",
                "Target NVDIMM alignment '{source}' doesn't match source NVDIMM alignment '{target}'",
            ),
            row("source/pmem", "no", "Target NVDIMM pmem flag doesn't match source NVDIMM pmem flag"),
            row(
                "target/readonly",
                "no",
                "Target NVDIMM readonly flag doesn't match source NVDIMM readonly flag",
            ),
            row("uuid", "", "Target NVDIMM UUID doesn't match source NVDIMM"),
        ]),
        Some("virtio-pmem") => device.same(&addresses.0, &addresses.1, moved),
        Some("virtio-mem") => {
            device.check(&[
                row(
                    "target/block",
                    "0",
                    "Target memory device block size '{target}' doesn't match source memory device block size '{source}'",
                ),
                row(
                    "target/requested",
                    "0",
                    "Target memory device requested size '{target}' doesn't match source memory device requested size '{source}'",
                ),
            ])?;
            device.same(&addresses.0, &addresses.1, moved)?;
            device.check(&[row(
                "target/@dynamicMemslots",
                UNSET,
                "Target memory device 'dynamicMemslots' property doesn't match source memory device",
            )])
        }
        _ => Ok(()),
    }
}
